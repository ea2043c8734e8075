// SPDX-License-Identifier: MIT
//
// One iteration over the events of a host process: from its first moment on, with a bounded queue.
// Called by: child-host.ts.

import { checkInteger, checkLimits, checkOptionNames } from '../check.js';
import { EventQueue } from './event-queue.js';
import type { HostProcessEvent } from './process-protocol.js';

/** Options of the events of a host process. */
export interface EventsOptions {
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /** Events that wait for a slow reader, at most. Default 1000. */
  readonly limit?: number;
}

/** What a reader tells its host process. */
export interface ReaderHooks {
  /** {@link EventReader.isWaiting} changed. */
  waits(): void;
  /** The reader wants no more. */
  left(): void;
}

type Result = IteratorResult<HostProcessEvent, undefined>;

/** A reader of events. */
export class EventReader implements AsyncIterableIterator<HostProcessEvent> {
  readonly #queue: EventQueue<HostProcessEvent>;
  readonly #hooks: ReaderHooks;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#leave();
  #waiting: ((result: Result) => void)[] = [];
  #hasLeft = false;

  constructor(options: EventsOptions, hooks: ReaderHooks) {
    checkOptionNames(options, ['signal', 'limit']);
    checkLimits({ signal: options.signal });
    const { signal, limit = 1000 } = options;
    checkInteger(limit, 'options.limit', 1, 1_000_000);
    this.#queue = new EventQueue(limit);
    this.#hooks = hooks;
    this.#signal = signal;
    if (signal?.aborted) this.#hasLeft = true;
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get hasEnded(): boolean {
    return this.#hasLeft;
  }

  /** Somebody waits for the next event. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  tell(event: HostProcessEvent): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#queue.push(event);
      return;
    }
    this.#waiting.shift();
    next({ value: event, done: false });
    this.#hooks.waits();
  }

  /** The host is gone; what is queued may still be read. */
  end(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#settle();
  }

  async next(): Promise<Result> {
    const event = this.#take();
    if (event) return { value: event, done: false };
    if (this.#hasLeft) return { value: undefined, done: true };
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#hooks.waits();
    });
  }

  async return(): Promise<Result> {
    this.#leave();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): HostProcessEvent | undefined {
    const count = this.#queue.takeMissed();
    if (count > 0) return { time: new Date().toISOString(), kind: 'missed', count };
    return this.#queue.shift();
  }

  #leave(): void {
    this.#queue.clear();
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#settle();
  }

  #settle(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve({ value: undefined, done: true });
    this.#hooks.left();
  }
}
