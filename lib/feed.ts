// SPDX-License-Identifier: MIT
//
// What happened, for whoever cares to watch: what a host asked and what it was answered. A watcher that does not keep up loses
// the oldest entries, counted, so that a busy host cannot fill our memory.
// Called by devices/ and services/lifecycle.

/** Entries kept for a watcher that is busy. */
const depth = 256;

class Watcher<T> implements AsyncIterableIterator<T> {
  readonly #entries: T[] = [];
  readonly #leave: (watcher: Watcher<T>) => void;
  readonly #waiting: { resolve: (result: IteratorResult<T>) => void; reject: (error: unknown) => void }[] = [];
  #end: { readonly error?: unknown } | null = null;
  dropped = 0;

  constructor(leave: (watcher: Watcher<T>) => void) {
    this.#leave = leave;
  }

  push(entry: T): void {
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting.resolve({ done: false, value: entry });
      return;
    }
    if (this.#entries.push(entry) <= depth) return;
    this.#entries.shift();
    this.dropped += 1;
  }

  /** Ends the iteration after what is kept; with an error it throws that once. */
  finish(end: { readonly error?: unknown }): void {
    this.#end ??= end;
    for (const waiting of this.#waiting.splice(0)) this.#settle(waiting);
  }

  next(): Promise<IteratorResult<T>> {
    const entry = this.#entries.shift();
    if (entry) return Promise.resolve({ done: false, value: entry });
    return new Promise((resolve, reject) => {
      if (this.#end) this.#settle({ resolve, reject });
      else this.#waiting.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.#entries.length = 0;
    this.finish({});
    this.#leave(this);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #settle({
    resolve,
    reject,
  }: {
    resolve: (result: IteratorResult<T>) => void;
    reject: (error: unknown) => void;
  }): void {
    const error = this.#end?.error;
    this.#end = {};
    if (error === undefined) resolve({ done: true, value: undefined });
    else reject(error);
  }
}

/** Fans entries out to watchers. */
export class Feed<T> {
  readonly #watchers = new Set<Watcher<T>>();
  #end: { readonly error?: unknown } | null = null;
  #dropped = 0;

  /** Entries that slow watchers have lost. */
  get dropped(): number {
    return [...this.#watchers].reduce((sum, watcher) => sum + watcher.dropped, this.#dropped);
  }

  push(entry: T): void {
    for (const watcher of this.#watchers) watcher.push(entry);
  }

  /** Entries from now on. Ends with the service or the signal; throws when the service failed. */
  watch(signal: AbortSignal | undefined): AsyncIterableIterator<T> {
    const leave = (left: Watcher<T>): void => {
      if (this.#watchers.delete(left)) this.#dropped += left.dropped;
      signal?.removeEventListener('abort', onAbort);
    };
    const watcher = new Watcher<T>(leave);
    const onAbort = (): void => {
      watcher.finish({});
      leave(watcher);
    };
    this.#watchers.add(watcher);
    if (this.#end) watcher.finish(this.#end);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    return watcher;
  }

  /** No more entries will come. */
  finish(end: { readonly error?: unknown }): void {
    this.#end = end;
    for (const watcher of this.#watchers) watcher.finish(end);
  }
}
