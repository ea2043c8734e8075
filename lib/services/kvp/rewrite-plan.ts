// SPDX-License-Identifier: MIT
//
// How a pool file gets its new contents in place, in an order that survives `kill -9` between any two bytes. Pure.
// Called by pool.ts; the steps are done by pool-file.ts.
//
// The daemon reads the file by its name in place, so the inode stays and there is no rename. After any part of the steps, and
// of any write among them, a reader that takes the first record with a key finds for each key its old value or its new one,
// never a mixture and never nothing where there was and will be something. Why that holds:
//   1. what is new or changed is appended first: behind the old records, so those are still found; a part of it is no record;
//   2. a record that goes is taken away by one byte, the first of its key: without it, no reader finds the record. The last
//      one goes first, so that a copy never shows up when the first one has gone;
//   3. a record that changes is taken away likewise (readers find the appended copy), filled, and brought back by that byte;
//   4. records move up in the same way, each over one that has moved up itself or is gone: until then there are two of them;
//   5. the file is cut off after the last one. What is cut off stands further up as well.
// A process that dies in between leaves doubles of equal content and records without a key; the next write takes both away.

import { poolRecordBytes } from '../../protocol/kvp-pool.js';

/** One system call. */
export type RewriteStep =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly sizeBytes: number };

/** A record as it is to be. Those that stay keep their order, and stand before those that are new. */
export interface NextRecord {
  /** Its place in the file as it is; null for a new one. */
  readonly from: number | null;
  readonly bytes: Uint8Array;
}

/** Steps from the file as it is to these records; none where they are there. */
export function planRewrite(file: Uint8Array, next: readonly NextRecord[]): readonly RewriteStep[] {
  return new Planner(file).plan(next);
}

class Planner {
  readonly #steps: RewriteStep[] = [];
  readonly #count: number;
  /** The records as the file has them after the steps so far. */
  readonly #records: Uint8Array[];
  readonly #hasTail: boolean;

  constructor(file: Uint8Array) {
    this.#count = Math.floor(file.length / poolRecordBytes);
    this.#hasTail = file.length % poolRecordBytes !== 0;
    // Copies: a slice of a Buffer is a view, and what is planned must not change what was read.
    this.#records = Array.from({ length: this.#count }, (_, i) =>
      Uint8Array.from(file.subarray(i * poolRecordBytes, (i + 1) * poolRecordBytes)),
    );
  }

  plan(next: readonly NextRecord[]): readonly RewriteStep[] {
    if (this.#hasTail || (next.length === 0 && this.#count > 0)) {
      this.#truncate(next.length === 0 ? 0 : this.#count);
      if (next.length === 0) return this.#steps;
    }
    const changed = next.filter(({ from, bytes }) => from !== null && !isSame(this.#records[from], bytes));
    const fresh = next.filter(({ from }) => from === null);
    this.#append([...changed, ...fresh]);
    const staying = new Set(next.map(({ from }) => from));
    for (let i = this.#count - 1; i >= 0; i--) if (!staying.has(i)) this.#hide(i);
    for (const { from, bytes } of changed) if (from !== null) this.#replace(from, bytes);
    for (const [place, { bytes }] of next.entries()) this.#replace(place, bytes);
    if (this.#records.length > next.length) this.#truncate(next.length);
    return this.#steps;
  }

  #append(records: readonly NextRecord[]): void {
    if (records.length === 0) return;
    const bytes = Buffer.concat(records.map((record) => record.bytes));
    this.#steps.push({ kind: 'write', offset: this.#records.length * poolRecordBytes, bytes });
    for (const record of records) this.#records.push(Uint8Array.from(record.bytes));
  }

  /** Takes the first byte of the key away: one byte is written whole or not at all. */
  #hide(place: number): void {
    if (this.#records[place]?.[0] !== 0) this.#write(place, 0, Uint8Array.of(0));
  }

  #replace(place: number, bytes: Uint8Array): void {
    if (isSame(this.#records[place], bytes)) return;
    this.#hide(place);
    this.#write(place, 1, bytes.subarray(1));
    this.#write(place, 0, bytes.subarray(0, 1));
  }

  #write(place: number, at: number, bytes: Uint8Array): void {
    this.#records[place]?.set(bytes, at);
    this.#steps.push({ kind: 'write', offset: place * poolRecordBytes + at, bytes });
  }

  #truncate(records: number): void {
    this.#records.length = Math.min(this.#records.length, records);
    this.#steps.push({ kind: 'truncate', sizeBytes: records * poolRecordBytes });
  }
}

function isSame(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}
