// SPDX-License-Identifier: MIT
//
// Packets that were drained because a request waited for its completion, and that nobody has read yet. Bounded: above the
// limits the ring is not drained any more, and the host waits.
// Called by: inbox.ts.

import type { Store } from './store.js';

const mostPackets = 1024;
const mostBytes = 1024 * 1024;

export class Backlog {
  readonly #stores: Store[] = [];
  #packets = 0;
  #bytes = 0;

  /** Packets not read yet. Only the oldest store may have been read in part. */
  get packets(): number {
    return this.#packets - (this.#stores[0]?.position ?? 0);
  }

  get isFull(): boolean {
    return this.packets >= mostPackets || this.#bytes >= mostBytes;
  }

  push(store: Store): void {
    this.#stores.push(store);
    this.#packets += store.count;
    this.#bytes += store.arena.length;
  }

  /** The oldest store with unread packets. */
  front(): Store | null {
    for (;;) {
      const store = this.#stores[0];
      if (store === undefined) return null;
      if (store.unread > 0) return store;
      this.#stores.shift();
      this.#packets -= store.count;
      this.#bytes -= store.arena.length;
    }
  }

  clear(): void {
    this.#stores.length = 0;
    this.#packets = 0;
    this.#bytes = 0;
  }
}
