// SPDX-License-Identifier: MIT
//
// Packets of one drain as providers read them: rows of an index and bytes of an arena, and packets made of them when asked.
// Called by: host-channel.ts, which owns the memory. No calls into native code but through `sendBack`.

import { ROW_WORDS, Row } from '../native/binding.js';
import type { HostBatch, HostPacket } from './types.js';

/** A 64-bit id from the two signed words of a row. */
export function idFromWords(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** A batch over memory that its channel reuses. */
export class RowBatch implements HostBatch {
  length = 0;
  arena: Uint8Array = new Uint8Array(0);
  index: Int32Array = new Int32Array(0);
  readonly #sendBack: (rows: number) => void;

  constructor(sendBack: (rows: number) => void) {
    this.#sendBack = sendBack;
  }

  type(row: number): number {
    return this.#word(row, Row.type);
  }

  flags(row: number): number {
    return this.#word(row, Row.flags) & 0xffff;
  }

  transactionId(row: number): bigint {
    return idFromWords(this.#word(row, Row.idLow), this.#word(row, Row.idHigh));
  }

  payloadLength(row: number): number {
    return this.#word(row, Row.length);
  }

  headerLength(row: number): number {
    return Math.max(0, (this.#word(row, Row.flags) >>> 16) * 8 - 16);
  }

  payload(row: number): Uint8Array {
    const offset = this.#word(row, Row.offset);
    return this.arena.subarray(offset, offset + this.#word(row, Row.length));
  }

  packet(row: number): HostPacket {
    const offset = this.#word(row, Row.offset);
    return {
      type: this.type(row),
      flags: this.flags(row),
      transactionId: this.transactionId(row),
      header: this.arena.subarray(offset - this.headerLength(row), offset),
      payload: this.payload(row),
    };
  }

  rewrite(row: number, type: number, flags: number): void {
    const at = row * ROW_WORDS;
    this.index[at + Row.type] = type;
    this.index[at + Row.flags] = (this.#word(row, Row.flags) & ~0xffff) | flags;
  }

  sendBack(rows: number = this.length): void {
    this.#sendBack(Math.min(rows, this.length));
  }

  #word(row: number, word: number): number {
    return this.index[row * ROW_WORDS + word] ?? 0;
  }
}
