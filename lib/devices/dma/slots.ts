// SPDX-License-Identifier: MIT
//
// Places of one size in memory that a host works on, one for each request at a time. Who gets one is first come, first served.
// Called by: arena.ts.
//
// A place goes back only when the host is done with it: a request that its caller has given up keeps it, whatever that costs.

import { unwatchAbort, watchAbort } from '../../abort-watch.js';

/** A wait for a place. */
interface Waiting {
  resolve(slot: number): void;
  reject(error: unknown): void;
}

/** Numbers 0 to `count` - 1, each lent to one at a time. */
export class Slots {
  readonly count: number;
  readonly #free: number[];
  readonly #waiting = new Set<Waiting>();
  #end: { readonly error: unknown } | null = null;

  constructor(count: number) {
    this.count = count;
    this.#free = Array.from({ length: count }, (_, i) => count - 1 - i);
  }

  get free(): number {
    return this.#free.length;
  }

  /** Takes one, when there is one. @throws the signal's reason; the error of {@link end} */
  take(signal?: AbortSignal): Promise<number> {
    if (this.#end) return Promise.reject(this.#end.error);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const slot = this.#waiting.size === 0 ? this.#free.pop() : undefined;
    if (slot !== undefined) return Promise.resolve(slot);
    return new Promise((resolve, reject) => {
      const over = (): void => {
        this.#waiting.delete(waiting);
        if (signal) unwatchAbort(signal, onAbort);
      };
      const onAbort = (): void => {
        over();
        reject(signal?.reason);
      };
      const waiting: Waiting = {
        resolve: (given) => {
          over();
          resolve(given);
        },
        reject: (error) => {
          over();
          reject(error);
        },
      };
      this.#waiting.add(waiting);
      if (signal) watchAbort(signal, onAbort);
    });
  }

  /** The host is done with it. */
  give(slot: number): void {
    const next = this.#waiting.values().next().value;
    if (next) next.resolve(slot);
    else this.#free.push(slot);
  }

  /** Nobody gets one any more. */
  end(error: unknown): void {
    this.#end ??= { error };
    for (const waiting of [...this.#waiting]) waiting.reject(error);
  }
}
