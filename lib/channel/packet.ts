// SPDX-License-Identifier: MIT
//
// Makes the packet objects that scripts get, from the rows of a drain.
// Called by: packet-batch.ts, inbox-iterator.ts, request-table.ts.

import { copyOf, partOf, type SlabPart } from './slab.js';
import type { Store } from './store.js';
import { joinId } from './transaction-id.js';
import type { Packet } from './types.js';

const noHeader: Uint8Array = new Uint8Array(0);

/** Bit 0 of the descriptor's flags: the sender wants a completion. */
export const WANTS_COMPLETION = 1;

/** The packet of a row, with copies of its bytes. */
export function packetAt(store: Store, row: number): Packet {
  const offset = store.offset(row);
  const headerBytes = store.headerBytes(row);
  return {
    type: store.type(row),
    payload: copyOf(store.arena, offset, store.length(row)),
    transactionId: joinId(store.idLow(row), store.idHigh(row)),
    wantsCompletion: (store.flags(row) & WANTS_COMPLETION) !== 0,
    header: copyOf(store.arena, offset - headerBytes, headerBytes),
  };
}

/** Takes packets out of a store one by one; their bytes are copied together. */
export class PacketTaker {
  #store: Store | null = null;
  #generation = 0;
  #part: SlabPart = { buffer: new ArrayBuffer(0), shift: 0 };

  /** The next packet of a store that has one. */
  take(store: Store): Packet {
    if (store !== this.#store || store.generation !== this.#generation) this.#copy(store);
    const row = store.position;
    store.position = row + 1;
    const { buffer, shift } = this.#part;
    const start = store.offset(row) + shift;
    const flags = store.flags(row);
    const headerBytes = store.headerBytes(row);
    return {
      type: store.type(row),
      payload: new Uint8Array(buffer, start, store.length(row)),
      transactionId: joinId(store.idLow(row), store.idHigh(row)),
      wantsCompletion: (flags & WANTS_COMPLETION) !== 0,
      header: headerBytes === 0 ? noHeader : new Uint8Array(buffer, start - headerBytes, headerBytes),
    };
  }

  #copy(store: Store): void {
    const start = store.unreadStart;
    this.#part = partOf(store.arena, start, store.unreadEnd - start);
    this.#store = store;
    this.#generation = store.generation;
  }
}
