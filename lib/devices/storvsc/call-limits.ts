// SPDX-License-Identifier: MIT
//
// How long a call waits: its signal and its timeout together, over every request that it makes.
// Called by: disk.ts, storvsc.ts, srb-runner.ts.

import { VmbusError } from '../../errors.js';
import { Limit } from '../../limit.js';
import type { StorageCallOptions } from './types.js';

/** Limits of one call. */
export class CallLimits implements Disposable {
  /** Aborts when the call is to be given up. */
  readonly signal: AbortSignal;
  readonly #limit: Limit | null;

  constructor({ signal, timeoutMs }: StorageCallOptions & { readonly timeoutMs: number }, what: string) {
    const stop = new AbortController();
    this.signal = stop.signal;
    this.#limit = signal?.aborted
      ? null
      : new Limit(
          { signal, timeoutMs },
          (error) => stop.abort(error),
          () => lateError(what, timeoutMs),
        );
    if (signal?.aborted) stop.abort(signal.reason);
  }

  [Symbol.dispose](): void {
    this.#limit?.clear();
  }
}

/** Whether a call was given up because of its timeout. */
export function isLate(reason: unknown): boolean {
  return VmbusError.is(reason) && reason.code === 'ERR_VMBUS_TIMEOUT';
}

function lateError(what: string, timeoutMs: number): VmbusError {
  return new VmbusError('ERR_VMBUS_TIMEOUT', `${what} took longer than ${timeoutMs} ms: the host has not answered`, {
    facts: { operation: what, timeoutMs },
    hint: 'the host still has the request; give it longer with { timeoutMs }, or close the controller',
  });
}
