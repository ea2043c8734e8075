// SPDX-License-Identifier: MIT
//
// The end of patience: a timeout and an AbortSignal around one wait, whichever comes first.
// Called by: channel/ (sending, requests, opening), within.ts, and the host's integration services.
// Timers of waits on an open channel don't keep the process alive: the channel does, unless it was unref'd.

import { unwatchAbort, watchAbort } from './abort-watch.js';

/** What limits a wait. */
export interface Patience {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Armed at once; calls `giveUp` at most once: with the signal's reason, unchanged, or with the error of `timedOut`. */
export class Limit {
  readonly #signal: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #giveUp: (error: unknown) => void;
  readonly #onAbort = (): void => {
    this.clear();
    this.#giveUp(this.#signal?.reason);
  };

  constructor(patience: Patience, giveUp: (error: unknown) => void, timedOut?: (timeoutMs: number) => Error) {
    this.#giveUp = giveUp;
    this.#signal = patience.signal;
    if (this.#signal !== undefined) watchAbort(this.#signal, this.#onAbort);
    const { timeoutMs } = patience;
    if (timeoutMs === undefined) return;
    this.#timer = setTimeout(() => {
      this.clear();
      giveUp(timedOut?.(timeoutMs));
    }, timeoutMs);
    this.#timer.unref();
  }

  /** Keeps the process alive until the timeout. */
  ref(): this {
    this.#timer?.ref();
    return this;
  }

  /** The wait is over. */
  clear(): void {
    clearTimeout(this.#timer);
    if (this.#signal !== undefined) unwatchAbort(this.#signal, this.#onAbort);
  }
}
