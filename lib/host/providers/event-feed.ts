// SPDX-License-Identifier: MIT
//
// What a device of the simulated host tells whoever plays with it: to functions, or as an iteration.
// Called by: ic-device.ts.

/** Events kept for an iteration that does not keep up; the oldest go first. */
const depth = 4096;

/** Fans events out. */
export class EventFeed<E> {
  readonly #listeners = new Set<(event: E) => void>();

  tell(event: E): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** Answers each event from now on; a function that ends it. */
  subscribe(listener: (event: E) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The same as an iteration; ends on abort. */
  async *events({ signal }: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<E> {
    const kept: E[] = [];
    let wake = (): void => undefined;
    const stop = this.subscribe((event) => {
      if (kept.push(event) > depth) kept.shift();
      wake();
    });
    const onAbort = (): void => wake();
    signal?.addEventListener('abort', onAbort);
    try {
      while (!signal?.aborted) {
        const next = kept.shift();
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
}
