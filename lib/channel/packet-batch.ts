// SPDX-License-Identifier: MIT
//
// The batch object that `batches()` hands out: a window on a store, one object for the store's whole life.
// Called by: inbox-iterator.ts.

import { outOfRange } from '../errors.js';
import { packetAt } from './packet.js';
import { copyOf } from './slab.js';
import type { Store } from './store.js';
import { joinId } from './transaction-id.js';
import type { Packet, PacketBatch } from './types.js';

/** The rows of a store that had not been read when the batch was lent. */
export class StoreBatch implements PacketBatch {
  readonly #store: Store;
  #first = 0;
  #length = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Takes all unread rows of the store. */
  lend(): this {
    this.#first = this.#store.position;
    this.#length = this.#store.unread;
    this.#store.position = this.#store.count;
    this.#store.isLent = true;
    return this;
  }

  /** The script is through with it: it has no rows any more. */
  giveBack(): void {
    this.#length = 0;
    this.#store.isLent = false;
  }

  get length(): number {
    return this.#length;
  }

  get arena(): Uint8Array {
    return this.#store.arena;
  }

  type(i: number): number {
    return this.#store.type(this.#row(i));
  }

  flags(i: number): number {
    return this.#store.flags(this.#row(i));
  }

  idLow(i: number): number {
    return this.#store.idLow(this.#row(i));
  }

  idHigh(i: number): number {
    return this.#store.idHigh(this.#row(i));
  }

  payloadOffset(i: number): number {
    return this.#store.offset(this.#row(i));
  }

  payloadLength(i: number): number {
    return this.#store.length(this.#row(i));
  }

  transactionId(i: number): bigint {
    return joinId(this.idLow(i), this.idHigh(i));
  }

  view(i: number): Uint8Array {
    const offset = this.payloadOffset(i);
    return this.#store.arena.subarray(offset, offset + this.payloadLength(i));
  }

  payload(i: number): Uint8Array {
    return copyOf(this.#store.arena, this.payloadOffset(i), this.payloadLength(i));
  }

  packet(i: number): Packet {
    return packetAt(this.#store, this.#row(i));
  }

  *[Symbol.iterator](): IterableIterator<Packet> {
    for (let i = 0; i < this.#length; i++) yield this.packet(i);
  }

  #row(i: number): number {
    if (i >>> 0 === i && i < this.#length) return this.#first + i;
    throw outOfRange('i', `an index of the batch (it has ${this.#length} packets)`, i);
  }
}
