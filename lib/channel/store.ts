// SPDX-License-Identifier: MIT
//
// Drained packets that wait for their reader: bytes in an arena, a row of six words for each, and how far the reader got.
// Called by: inbox.ts, which registers one store with the addon and queues others; packet-batch.ts and packet.ts read it.
// The addon has checked every offset and length against the arena.

import { ROW_WORDS, Row } from '../native/binding.js';

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
    const rows = new Int32Array(newMemory(packets * ROW_WORDS * Int32Array.BYTES_PER_ELEMENT));
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

  word(row: number, position: number): number {
    return this.rows[row * ROW_WORDS + position] as number;
  }

  /** Row `to` becomes a copy of row `from`. */
  moveRow(from: number, to: number): void {
    this.rows.copyWithin(to * ROW_WORDS, from * ROW_WORDS, (from + 1) * ROW_WORDS);
  }

  /** The unread packets in memory of their own; this store is empty then. */
  takeUnread(): Store {
    const start = this.unreadStart;
    const copy = new Store(
      this.arena.slice(start, this.unreadEnd),
      this.rows.slice(this.position * ROW_WORDS, this.count * ROW_WORDS),
    );
    copy.count = this.unread;
    for (let row = 0; row < copy.count; row++) {
      const at = row * ROW_WORDS + Row.offset;
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

  /** Bytes of the header between descriptor and payload; they stand right before the payload. */
  headerBytes(row: number): number {
    return Math.max(0, ((this.word(row, Row.flags) >>> 16) - 2) * 8);
  }

  /** Where the bytes of the unread packets start and end: they lie in the arena in the order of their rows. */
  get unreadStart(): number {
    return this.word(this.position, Row.offset) - this.headerBytes(this.position);
  }

  get unreadEnd(): number {
    return this.word(this.count - 1, Row.offset) + this.word(this.count - 1, Row.length);
  }
}
