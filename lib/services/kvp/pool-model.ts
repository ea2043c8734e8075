// SPDX-License-Identifier: MIT
//
// The records of a pool while they are changed, in memory. Pure.
// Called by pool.ts for every write. What it ends with is what rewrite-plan.ts brings into the file.

import { VmbusError } from '../../errors.js';
import {
  checkKvpKey,
  decodeKvpPool,
  encodeKvpRecord,
  type KvpRecord,
  poolRecordBytes,
} from '../../protocol/kvp-pool.js';
import type { NextRecord } from './rewrite-plan.js';
import type { KvpEntry, KvpTransaction } from './types.js';

interface Held extends NextRecord {
  readonly record: KvpRecord;
}

/** A pool under change. */
export class PoolModel implements KvpTransaction {
  /** Keys that got another value. */
  readonly changed: Set<string> = new Set();
  /** Keys that went, and how many records they had. */
  readonly deleted: Map<string, number> = new Map();
  /** Keys of which several records became one. */
  readonly merged: Set<string> = new Set();
  /** Records without a key, and doubles of equal content: what a writer that died left behind. */
  readonly leftovers: number;
  readonly tailBytes: number;
  #held: Held[];
  #hasCleared = false;

  constructor(file: Uint8Array) {
    const { records, tailBytes } = decodeKvpPool(file);
    this.tailBytes = tailBytes;
    const all = records.map((record): Held => {
      const start = record.index * poolRecordBytes;
      return { from: record.index, bytes: file.subarray(start, start + poolRecordBytes), record };
    });
    const first = new Map<string, KvpRecord>();
    for (const record of records) if (record.key !== null && !first.has(record.key)) first.set(record.key, record);
    this.#held = all.filter(({ record }) => !isLeftover(record, first));
    this.leftovers = all.length - this.#held.length;
  }

  /** The records as they are to be. */
  get next(): readonly NextRecord[] {
    return this.#held;
  }

  /** Whether the file is to be written: what a writer left behind goes with the next real change. */
  get isChanged(): boolean {
    return this.changed.size > 0 || this.deleted.size > 0 || this.#hasCleared;
  }

  get keys(): readonly string[] {
    return this.#held.flatMap(({ record: { key } }) => (key === null ? [] : [key]));
  }

  get(key: string): string | null {
    checkKvpKey(key);
    return valueIn(this.#records(), key);
  }

  has(key: string): boolean {
    checkKvpKey(key);
    return this.#held.some(({ record }) => record.key === key);
  }

  entries(): readonly KvpEntry[] {
    return entriesOf(this.#records());
  }

  set(key: string, value: string): void {
    const bytes = encodeKvpRecord(key, value);
    const places = this.#places(key);
    const [first] = places;
    const held = first === undefined ? undefined : this.#held[first];
    if (held !== undefined && held.record.value === value && places.length === 1) return;
    this.changed.add(key);
    this.deleted.delete(key);
    if (places.length > 1) this.merged.add(key);
    const { records } = decodeKvpPool(bytes);
    const record = records[0] as KvpRecord;
    if (first === undefined || held === undefined) {
      this.#held.push({ from: null, bytes, record });
      return;
    }
    // What stands in the file already stays as it is, to the last stale byte.
    this.#held[first] = held.record.value === value ? held : { from: held.from, bytes, record };
    this.#held = this.#held.filter((other, i) => i === first || other.record.key !== key);
  }

  delete(key: string): boolean {
    checkKvpKey(key);
    const places = this.#places(key);
    if (places.length === 0) return false;
    const written = places.filter((i) => this.#held[i]?.from !== null).length;
    if (written > 0) this.deleted.set(key, written);
    this.changed.delete(key);
    this.merged.delete(key);
    this.#held = this.#held.filter(({ record }) => record.key !== key);
    return true;
  }

  clear(): void {
    for (const key of new Set(this.keys)) this.delete(key);
    // Also those whose key is no text.
    this.#hasCleared ||= this.#held.length > 0;
    this.#held = [];
  }

  #places(key: string): number[] {
    return this.#held.flatMap(({ record }, i) => (record.key === key ? [i] : []));
  }

  #records(): readonly KvpRecord[] {
    return this.#held.map(({ record }) => record);
  }
}

/** A record that no reader finds: without a key, or after one with the same key and value. */
function isLeftover(record: KvpRecord, firstByKey: ReadonlyMap<string, KvpRecord>): boolean {
  if (record.keyBytes.length === 0) return true;
  if (record.key === null || record.value === null) return false;
  const first = firstByKey.get(record.key);
  return first !== undefined && first !== record && first.value === record.value;
}

/** The value that the daemon has for a key. @throws VmbusError ERR_VMBUS_PROTOCOL where it is no UTF-8 */
export function valueIn(records: readonly KvpRecord[], key: string): string | null {
  const record = records.find((one) => one.key === key);
  if (record === undefined) return null;
  if (record.value !== null) return record.value;
  throw new VmbusError('ERR_VMBUS_PROTOCOL', `the value of ${key} is no UTF-8`, {
    hint: 'look at its bytes: `hv kvp dump`; writing it anew mends it',
    facts: { service: 'kvp', key, record: record.index },
  });
}

/** Keys with their values, each key once, as the daemon has them; without what is no text. */
export function entriesOf(records: readonly KvpRecord[]): readonly KvpEntry[] {
  const entries = new Map<string, KvpEntry>();
  const seen = new Set<string>();
  for (const { key, value } of records) {
    if (key === null || key === '' || seen.has(key)) continue;
    seen.add(key);
    if (value !== null) entries.set(key, { key, value });
  }
  return [...entries.values()];
}
