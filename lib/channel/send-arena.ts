// SPDX-License-Identifier: MIT
//
// Packets that leave from memory of the addon: payload bytes, and a row of six words for each packet. A script fills one by
// itself for `trySendArena()`; batch-writer.ts fills one for `trySendMany()`.
// Called by: opened-channel.ts, send.ts, batch-writer.ts. The addon checks every row against the arena once more.

import { checkInteger } from '../check.js';
import { outOfRange } from '../errors.js';
import type { ROW_WORDS, Row } from '../native/binding.js';
import { type ChannelName, tooLargeError } from './close-reasons.js';
import { publishSent } from './diagnostics.js';
import { PacketType, type SendArena } from './types.js';

/** Descriptor units before a plain payload, as a row has them. */
const plainOffset8 = 2 << 16;
// Numbers of this module are known to the compiler; those of another one it looks up for every packet.
const rowWords = 6 satisfies typeof ROW_WORDS;
const typeWord = 0 satisfies typeof Row.type;
const flagsWord = 1 satisfies typeof Row.flags;
const offsetWord = 2 satisfies typeof Row.offset;
const lengthWord = 3 satisfies typeof Row.length;
const lowWord = 4 satisfies typeof Row.idLow;
const highWord = 5 satisfies typeof Row.idHigh;

/** What a send arena needs to know of its channel. */
export interface SendArenaOwner extends ChannelName {
  readonly maxPayloadBytes: number;
  newMemory(bytes: number): ArrayBuffer;
}

export class OwnSendArena implements SendArena {
  readonly owner: SendArenaOwner;
  readonly bytes: Uint8Array;
  readonly rows: Int32Array;
  readonly capacity: number;
  readonly #byteLength: number;
  readonly #mostPayload: number;
  #length = 0;

  constructor(owner: SendArenaOwner, bytes: number, capacity: number) {
    this.owner = owner;
    this.bytes = new Uint8Array(owner.newMemory(bytes));
    this.rows = new Int32Array(owner.newMemory(capacity * rowWords * Int32Array.BYTES_PER_ELEMENT));
    this.capacity = capacity;
    this.#byteLength = bytes;
    this.#mostPayload = owner.maxPayloadBytes;
  }

  get length(): number {
    return this.#length;
  }

  add(offset: number, length: number, idLow = 0, idHigh = 0, type: number = PacketType.inband, flags = 0): void {
    // What is wrong is found out afterwards: usually nothing is.
    const isRight =
      (offset | 0) === offset &&
      (length | 0) === length &&
      (type | 0) === type &&
      offset >= 0 &&
      length >= 0 &&
      length <= this.#mostPayload &&
      offset + length <= this.#byteLength &&
      type >= 1 &&
      type <= 0xffff &&
      (flags === 0 || flags === 1) &&
      this.#length < this.capacity;
    if (!isRight) this.#refuse(offset, length, type, flags);
    this.put(offset, length, idLow, idHigh, type, flags | plainOffset8);
  }

  /** Adds a row of numbers that are known to be right; `flags` with the header's units in its upper half. */
  put(offset: number, length: number, idLow: number, idHigh: number, type: number, flags: number): void {
    const { rows } = this;
    const row = this.#length * rowWords;
    rows[row + typeWord] = type;
    rows[row + flagsWord] = flags;
    rows[row + offsetWord] = offset;
    rows[row + lengthWord] = length;
    rows[row + lowWord] = idLow;
    rows[row + highWord] = idHigh;
    this.#length += 1;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Tells subscribers of packets that were written. */
  publish(first: number, count: number): void {
    for (let i = first; i < first + count; i++) {
      const word = (name: number): number => this.rows[i * rowWords + name] ?? 0;
      const payload = this.bytes.subarray(word(offsetWord), word(offsetWord) + word(lengthWord));
      publishSent(this.owner, word(typeWord), word(flagsWord) & 0xffff, word(lowWord), word(highWord), payload);
    }
  }

  /** @throws what is wrong with the arguments of `add` */
  #refuse(offset: number, length: number, type: number, flags: number): never {
    checkInteger(offset, 'offset', 0, this.#byteLength);
    checkInteger(length, 'length', 0, this.#byteLength - offset);
    checkInteger(type, 'type', 1, 0xffff);
    checkInteger(flags, 'flags', 0, 1);
    if (length > this.#mostPayload) throw tooLargeError(this.owner, length, this.#mostPayload);
    throw outOfRange('arena.length', `below its capacity of ${this.capacity}`, this.#length);
  }
}
