// SPDX-License-Identifier: MIT
//
// What a station waits for, by name: answers of neighbours, each with its own patience.
// Called by: station.ts, dhcp-client.ts.

import { Limit, type Patience } from '../../limit.js';

interface Wait {
  resolve(value?: unknown): void;
  reject(error: unknown): void;
  /** Null: whatever comes under the name will do. */
  readonly judge: ((value: unknown) => unknown) | null;
}

export class Waits {
  readonly #waits = new Map<string, Set<Wait>>();
  #end: { readonly error: unknown } | null = null;

  has(name: string): boolean {
    return this.#waits.has(name);
  }

  wait(name: string, patience: Patience, late: () => Error): Promise<void> {
    return this.#add<void>(name, patience, late, null);
  }

  /** Waits for an offer that `judge` makes something of; null is not it. */
  pick<T, R>(name: string, patience: Patience, late: () => Error, judge: (value: T) => R | null): Promise<R> {
    return this.#add<R>(name, patience, late, judge as (value: unknown) => unknown);
  }

  resolve(name: string): void {
    for (const wait of this.#waits.get(name) ?? []) wait.resolve();
  }

  offer(name: string, value: unknown): void {
    for (const wait of this.#waits.get(name) ?? []) {
      const found = wait.judge?.(value) ?? null;
      if (found !== null) wait.resolve(found);
    }
  }

  fail(error: unknown): void {
    this.#end ??= { error };
    for (const waits of [...this.#waits.values()]) for (const wait of [...waits]) wait.reject(this.#end.error);
  }

  #add<R>(name: string, patience: Patience, late: () => Error, judge: Wait['judge']): Promise<R> {
    if (this.#end !== null) return Promise.reject(this.#end.error);
    if (patience.signal?.aborted) return Promise.reject(patience.signal.reason);
    const promise = new Promise<R>((resolve, reject) => {
      const over = (settle: () => void): void => {
        limit.clear();
        const waits = this.#waits.get(name);
        waits?.delete(wait);
        if (waits?.size === 0) this.#waits.delete(name);
        settle();
      };
      const limit = new Limit(patience, (error) => over(() => reject(error)), late);
      const wait: Wait = {
        judge,
        resolve: (value) => over(() => resolve(value as R)),
        reject: (error) => over(() => reject(error)),
      };
      const waits = this.#waits.get(name) ?? new Set();
      waits.add(wait);
      this.#waits.set(name, waits);
    });
    // Whoever waits may still be sending: a failure before that is told when it is asked for.
    promise.catch(() => undefined);
    return promise;
  }
}
