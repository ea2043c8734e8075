// SPDX-License-Identifier: MIT
//
// Drained packets that wait for their reader: bytes in an arena, a row of six words for each, and how far the reader got.
// Called by: inbox.ts, which registers one store with the addon and queues others; packet-batch.ts and packet.ts read it.
// The addon has checked every offset and length against the arena.

import type { ROW_WORDS, Row } from '../native/binding.js';
import type { PacketVisitor } from './types.js';

// Numbers of this module are known to the compiler; those of another one it looks up for every packet.
const rowWords = 6 satisfies typeof ROW_WORDS;
const typeWord = 0 satisfies typeof Row.type;
const flagsWord = 1 satisfies typeof Row.flags;
const offsetWord = 2 satisfies typeof Row.offset;
const lengthWord = 3 satisfies typeof Row.length;
const lowWord = 4 satisfies typeof Row.idLow;
const highWord = 5 satisfies typeof Row.idHigh;
/** More rows than any store has. */
const rowLimit = 2 ** 20 - 1;

/** One drain's worth of packets. */
export class Store {
  readonly rows: Int32Array;
  arena: Uint8Array;
  /** Rows in use, and the first one that was not read. */
  count = 0;
  position = 0;
  /** Changes whenever the bytes do. */
  generation = 0;
  /** A script holds a batch on it: not to be overwritten. */
  isLent = false;

  constructor(arena: Uint8Array, rows: Int32Array) {
    this.arena = arena;
    this.rows = rows;
  }

  /** An empty one, in memory of the addon. */
  static ofSize(arenaBytes: number, packets: number, newMemory: (bytes: number) => ArrayBuffer): Store {
    const rows = new Int32Array(newMemory(packets * rowWords * Int32Array.BYTES_PER_ELEMENT));
    return new Store(new Uint8Array(newMemory(arenaBytes)), rows);
  }

  /** Its memory went to another thread: the script transferred the buffer. */
  get isTaken(): boolean {
    return this.arena.length === 0;
  }

  get unread(): number {
    return this.count - this.position;
  }

  get unreadBytes(): number {
    return this.unread === 0 ? 0 : this.unreadEnd - this.unreadStart;
  }

  type(row: number): number {
    return this.rows[row * rowWords + typeWord] as number;
  }

  /** The descriptor's flags. */
  flags(row: number): number {
    return (this.rows[row * rowWords + flagsWord] as number) & 0xffff;
  }

  /** Where the payload starts in the arena, and its bytes. */
  offset(row: number): number {
    return this.rows[row * rowWords + offsetWord] as number;
  }

  length(row: number): number {
    return this.rows[row * rowWords + lengthWord] as number;
  }

  /** Halves of the transaction id, as int32. */
  idLow(row: number): number {
    return this.rows[row * rowWords + lowWord] as number;
  }

  idHigh(row: number): number {
    return this.rows[row * rowWords + highWord] as number;
  }

  /** Bytes of the header between descriptor and payload; they stand right before the payload. */
  headerBytes(row: number): number {
    return Math.max(0, ((this.rows[row * rowWords + flagsWord] as number) >>> 16) - 2) * 8;
  }

  /** Row `to` becomes a copy of row `from`. */
  moveRow(from: number, to: number): void {
    this.rows.copyWithin(to * rowWords, from * rowWords, (from + 1) * rowWords);
  }

  /** The unread packets in memory of their own; this store is empty then. */
  takeUnread(): Store {
    const start = this.unreadStart;
    const copy = new Store(
      this.arena.slice(start, this.unreadEnd),
      this.rows.slice(this.position * rowWords, this.count * rowWords),
    );
    copy.count = this.unread;
    for (let row = 0; row < copy.count; row++) {
      const at = row * rowWords + offsetWord;
      copy.rows[at] = (copy.rows[at] as number) - start;
    }
    this.clear();
    return copy;
  }

  clear(): void {
    this.generation += 1;
    this.count = 0;
    this.position = 0;
  }

  /** Where the bytes of the unread packets start and end: they lie in the arena in the order of their rows. */
  get unreadStart(): number {
    return this.offset(this.position) - this.headerBytes(this.position);
  }

  get unreadEnd(): number {
    return this.offset(this.count - 1) + this.length(this.count - 1);
  }

  /**
   * Shows the visitor unread packets, at most `most`. How many it saw; negative when it had enough, or the channel ended
   * meanwhile.
   */
  visit(visitor: PacketVisitor, most: number, reading: { readonly ending: object | null }): number {
    const { arena, rows } = this;
    // Masked, so that the compiler sees how large they are and checks no addition below.
    const first = this.position & rowLimit;
    const end = Math.min(this.count, first + most) & rowLimit;
    for (let next = first; next < end; next++) {
      const row = next * rowWords;
      this.position = next + 1;
      const answer = visitor(
        arena,
        rows[row + offsetWord] as number,
        rows[row + lengthWord] as number,
        rows[row + typeWord] as number,
        rows[row + lowWord] as number,
        rows[row + highWord] as number,
        rows[row + flagsWord] as number,
      );
      if (answer === false || reading.ending !== null) return first - next - 1;
    }
    return end - first;
  }
}
