// SPDX-License-Identifier: MIT
//
// File copy, the guest's side: `openFileCopy()` yields the files that the host wants to send (Copy-VMFile), in the place of the
// distribution's daemon, over whichever way this kernel has.
// Called by: scripts, services/inbox. Calls: fcopy/place.ts (which way), fcopy/transports.ts (requests), fcopy/receiver.ts (files).

import { setTimeout as pause } from 'node:timers/promises';
import { openBus } from '../bus/open-bus.js';
import { resolveRoot } from '../bus/root.js';
import type { CloseReason } from '../channel/types.js';
import { checkFlag, checkInteger, checkLimits, checkOptionNames } from '../check.js';
import { invalidType, VmbusError } from '../errors.js';
import { serviceClosed, serviceGone } from './fcopy/errors.js';
import { findPlace, noService, type Place, waitForPlace } from './fcopy/place.js';
import { Receiver } from './fcopy/receiver.js';
import { openByChannel, openByDevice, type Transport } from './fcopy/transports.js';
import type { FileCopy, FileCopyOptions, FileCopyTransport, IncomingFile } from './fcopy/types.js';
import type { ServiceState } from './service-device.js';

export type * from './fcopy/types.js';

const optionNames: readonly (keyof FileCopyOptions)[] = ['root', 'signal', 'wait', 'answerMs', 'onState'];
const defaultAnswerMs = 25_000;
/** Openings in a row that may come to nothing while the host switches the service on. */
const mostFailures = 8;
const retryMs = 500;
/** What an opening says of a device that went while it was opened. */
const passing: ReadonlySet<string> = new Set([
  'ERR_VMBUS_RESCINDED',
  'ERR_VMBUS_NO_DEVICE',
  'ERR_VMBUS_NO_CHANNEL',
  'ERR_VMBUS_NOT_BOUND',
  'ERR_VMBUS_NODE_KIND',
]);

/**
 * Holds the file copy service: resolves when requests can come. Iterating yields each file that the host announces; a file that
 * is not decided within `answerMs` is turned down.
 * @throws VmbusError ERR_VMBUS_BUSY with `facts.ownerPid` where another process has it, ERR_VMBUS_NO_DEVICE unless it is to be
 * waited for, ERR_VMBUS_BIND_REFUSED, _PERMISSION, _MODULE_MISSING, …; the signal's reason; TypeError, RangeError
 * @category Devices
 * @example
 * await using copies = await openFileCopy();
 * for await (const file of copies) {
 *   if (file.sizeBytes > 1_000_000) file.reject('too large');
 *   else await file.accept(sinkFor(file));
 * }
 */
export async function openFileCopy(options: FileCopyOptions = {}): Promise<FileCopy> {
  checkOptionNames(options, optionNames);
  checkLimits({ signal: options.signal });
  checkFlag(options.wait, 'options.wait');
  const { answerMs = defaultAnswerMs, onState, signal, wait = false } = options;
  checkInteger(answerMs, 'options.answerMs', 1, 2 ** 31 - 1);
  if (onState !== undefined && typeof onState !== 'function')
    throw invalidType('options.onState', 'a function', onState);
  signal?.throwIfAborted();
  const copy = new HeldFileCopy(resolveRoot(options.root), answerMs, onState, signal);
  await copy.start(wait);
  return copy;
}

class HeldFileCopy implements FileCopy {
  readonly closed: Promise<CloseReason>;
  readonly #root: string;
  readonly #receiver: Receiver;
  readonly #onState: ((state: ServiceState) => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  /** Ends whatever waits. */
  readonly #stop = new AbortController();
  readonly #onAbort = (): void => this.#end({ by: 'abort', error: this.#signal?.reason });
  #resolveClosed: (reason: CloseReason) => void = () => undefined;
  #transport: Transport | null = null;
  #kind: FileCopyTransport = 'device';
  #state: ServiceState = 'absent';
  #verdict: CloseReason | null = null;

  constructor(root: string, answerMs: number, onState: FileCopyOptions['onState'], signal?: AbortSignal) {
    this.#root = root;
    this.#receiver = new Receiver(answerMs);
    this.#onState = onState;
    this.#signal = signal;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get transport(): FileCopyTransport {
    return this.#kind;
  }

  get state(): ServiceState {
    return this.#state;
  }

  [Symbol.asyncIterator](): AsyncIterator<IncomingFile> {
    return this.#receiver;
  }

  async close(): Promise<void> {
    this.#end({ by: 'user' });
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @throws what keeps the first opening from succeeding */
  async start(wait: boolean): Promise<void> {
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    try {
      const place = this.#placeNow() ?? (wait ? await waitForPlace(this.#root, this.#stop.signal) : null);
      if (place === null) throw noService(this.#root);
      await this.#open(place, wait);
      this.#signal?.throwIfAborted();
    } catch (error) {
      await this.#finish({ by: 'error', error: error as Error });
      throw this.#signal?.aborted ? this.#signal.reason : error;
    }
    void this.#run();
  }

  #placeNow(): Place {
    return findPlace(openBus({ root: this.#root }));
  }

  async #open(place: NonNullable<Place>, wait: boolean): Promise<void> {
    const options = {
      root: this.#root,
      receiver: this.#receiver,
      signal: this.#stop.signal,
      onState: (state: ServiceState) => this.#onTransportState(state),
    };
    this.#kind = place.kind;
    this.#transport =
      place.kind === 'device' ? await openByDevice({ ...options, wait }) : await openByChannel(place.device, options);
    this.#enter(this.#transport.state);
  }

  /** From one channel to the next, as the host switches the service off and on. */
  async #run(): Promise<void> {
    try {
      while (this.#verdict === null && this.#transport) {
        const reason = await this.#transport.closed;
        this.#receiver.interrupt(serviceGone());
        if (reason.by !== 'rescind') this.#end(reason);
        if (this.#verdict !== null) break;
        this.#enter('absent');
        await this.#letGo();
        await this.#reopen();
      }
    } catch (error) {
      this.#end({ by: 'error', error: error as Error });
    }
    await this.#finish(this.#verdict ?? { by: 'user' });
  }

  async #reopen(): Promise<void> {
    for (let failures = 1; ; failures++) {
      try {
        await this.#open(await waitForPlace(this.#root, this.#stop.signal), true);
        return;
      } catch (error) {
        if (this.#verdict !== null) return;
        if (failures >= mostFailures || !(VmbusError.is(error) && passing.has(error.code))) throw error;
      }
      await pause(retryMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  async #letGo(): Promise<void> {
    const transport = this.#transport;
    this.#transport = null;
    await transport?.close();
  }

  #end(verdict: CloseReason): void {
    if (this.#verdict !== null) return;
    this.#verdict = verdict;
    this.#receiver.interrupt(serviceClosed());
    this.#stop.abort(verdict.error);
  }

  async #finish(reason: CloseReason): Promise<void> {
    this.#verdict ??= reason;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    try {
      await this.#letGo();
    } catch (error) {
      // Nobody else would tell that a device was not given back.
      if (this.#verdict.by !== 'error') this.#verdict = { by: 'error', error: error as Error };
    }
    const { by, error } = this.#verdict;
    const isQuiet = by === 'user' || by === 'abort';
    await this.#receiver.finish(error ?? serviceClosed(), isQuiet ? undefined : error);
    this.#enter('closed');
    this.#resolveClosed(this.#verdict);
  }

  /** What a transport says of itself; its end is not ours. */
  #onTransportState(state: ServiceState): void {
    if (state === 'absent') this.#receiver.interrupt(serviceGone());
    if (state !== 'closed') this.#enter(state);
  }

  #enter(state: ServiceState): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    this.#onState?.(state);
  }
}
