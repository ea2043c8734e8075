// SPDX-License-Identifier: MIT
//
// Tells what changes on the bus, as an async iterable.
// Called by open-bus.ts (`bus.watch()`); calls uevent-source.ts (when to look) and bus-state.ts (what to see).
// Invariants: no change is told twice or lost, though two that cancel out may not be seen; the queue is bounded, because a
// full one stops the looking, not the world; everything ends with the iteration: source, timers, listeners.

import type { RootKind } from '../root.js';
import type { BusChange, WatchOptions } from '../types.js';
import { type BusState, differences, emptyState, isUnsettled, readState } from './bus-state.js';
import { openUeventSource, type UeventSource } from './uevent-source.js';

const mostQueued = 1024;
/** Least time between two looks: a storm of uevents must not keep the processor busy. */
const pauseMs = 5;
/** Looks after the last event, for files that appear without one: about 5 s in all. */
const settleDelaysMs = [5, 10, 20, 50, 100, 200, 400, 800, 1600, 2000];

interface Waiter {
  resolve(result: IteratorResult<BusChange>): void;
  reject(error: Error): void;
}

/** A running watch. */
export class BusWatch implements AsyncIterableIterator<BusChange> {
  readonly #root: string;
  readonly #signal: AbortSignal | undefined;
  readonly #queue: BusChange[] = [];
  readonly #waiters: Waiter[] = [];
  readonly #onAbort = (): void => this.#finish();
  #state: BusState;
  #source: UeventSource | null = null;
  #timer: NodeJS.Timeout | null = null;
  #due = 0;
  #settling = 0;
  #isDirty = false;
  #isFinished = false;
  #error: Error | null = null;
  #tellFinished: () => void = () => {};
  /** Resolves when the watch is over, whoever ended it. */
  readonly finished: Promise<void> = new Promise((resolve) => {
    this.#tellFinished = resolve;
  });

  constructor(root: string, kind: RootKind, options: WatchOptions) {
    this.#root = root;
    this.#signal = options.signal;
    this.#state = options.initial === true ? emptyState : readState(root);
    if (this.#signal?.aborted) {
      this.#finish();
      return;
    }
    if (options.initial === true) this.#look();
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    void this.#listen(kind);
  }

  next(): Promise<IteratorResult<BusChange>> {
    const change = this.#queue.shift();
    if (change === undefined && this.#error !== null) return this.#failOnce(this.#error);
    if (change === undefined && this.#isFinished) return Promise.resolve({ done: true, value: undefined });
    if (this.#isDirty && this.#queue.length < mostQueued / 2) this.#schedule(pauseMs);
    if (change !== undefined) return Promise.resolve({ done: false, value: change });
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<BusChange>> {
    this.#queue.length = 0;
    this.#finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Ends the watch; what is queued can still be taken. */
  end(): void {
    this.#finish();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #listen(kind: RootKind): Promise<void> {
    const end = (error?: Error): void => {
      if (this.#isFinished) return;
      this.#look();
      this.#finish(error);
    };
    try {
      const source = await openUeventSource(this.#root, kind, { news: () => this.#news(), end });
      if (this.#isFinished) source.close();
      else this.#source = source;
      // What changed between the first look and now had no listener.
      this.#news();
    } catch (error) {
      this.#finish(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #news(): void {
    this.#settling = 0;
    this.#schedule(pauseMs);
  }

  /** Looks after a delay; a look that is due sooner stands. */
  #schedule(delayMs: number): void {
    const due = performance.now() + delayMs;
    if (this.#isFinished || (this.#timer !== null && this.#due <= due)) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#look();
      const delay = isUnsettled(this.#state) ? settleDelaysMs[this.#settling++] : undefined;
      if (delay !== undefined) this.#schedule(delay);
    }, delayMs);
    // The source keeps the process waiting, not the looking.
    this.#timer.unref();
  }

  #look(): void {
    this.#isDirty = this.#queue.length >= mostQueued;
    if (this.#isDirty || this.#isFinished) return;
    const state = readState(this.#root);
    const changes = differences(this.#state, state);
    this.#state = state;
    for (const change of changes) {
      const waiter = this.#waiters.shift();
      if (waiter) waiter.resolve({ done: false, value: change });
      else this.#queue.push(change);
    }
  }

  #finish(error?: Error): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#source?.close();
    this.#tellFinished();
    const first = this.#waiters.shift();
    if (error === undefined) first?.resolve({ done: true, value: undefined });
    else if (first) first.reject(error);
    else this.#error = error;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
  }

  #failOnce(error: Error): Promise<IteratorResult<BusChange>> {
    this.#error = null;
    return Promise.reject(error);
  }
}
