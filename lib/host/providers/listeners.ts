// SPDX-License-Identifier: MIT
//
// Who wants to hear what a device tells: functions, iterations, and waits for one event.
// Called by the providers of keyboard, mouse, video and the integration services.

import { checkLimits, checkOptionNames } from '../../check.js';
import { VmbusError } from '../../errors.js';

/** How long to wait for an event. */
export interface WaitOptions {
  /** Rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Rejects with ERR_VMBUS_TIMEOUT; for ever where absent. */
  readonly timeoutMs?: number;
}

/** The listeners of one device. */
export class Listeners<Event> {
  readonly #listeners = new Set<(event: Event) => void>();

  tell(event: Event): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** Answers each event from now on; a function that ends it. */
  subscribe(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Each event from the first `next()` on; ends on abort. */
  async *events(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<Event> {
    const { signal } = options;
    const waiting: Event[] = [];
    let wake = (): void => undefined;
    const stop = this.subscribe((event) => {
      waiting.push(event);
      wake();
    });
    const onAbort = (): void => wake();
    signal?.addEventListener('abort', onAbort);
    try {
      while (!signal?.aborted) {
        const next = waiting.shift();
        if (next !== undefined) yield next;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      stop();
    }
  }

  /** Resolves at the first event that is accepted. `what` says in the error what did not happen. */
  async wait(accepts: (event: Event) => boolean, what: string, options: WaitOptions = {}): Promise<void> {
    checkOptionNames(options, ['signal', 'timeoutMs']);
    checkLimits(options);
    const { signal, timeoutMs } = options;
    signal?.throwIfAborted();
    let cleanUp = (): void => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const stop = this.subscribe((event) => {
          if (accepts(event)) resolve();
        });
        const onAbort = (): void => reject(signal?.reason);
        signal?.addEventListener('abort', onAbort);
        const timer = timeoutMs === undefined ? null : setTimeout(() => reject(late(what, timeoutMs)), timeoutMs);
        cleanUp = () => {
          stop();
          signal?.removeEventListener('abort', onAbort);
          if (timer) clearTimeout(timer);
        };
      });
    } finally {
      cleanUp();
    }
  }
}

function late(what: string, timeoutMs: number): VmbusError {
  return new VmbusError('ERR_VMBUS_TIMEOUT', `${what} within ${timeoutMs} ms`, {
    facts: { timeoutMs },
    hint: "look for the device's driver in the guest: lsmod, dmesg",
  });
}
