// SPDX-License-Identifier: MIT
//
// A pool file as facts: its records, its mode, what is odd about it. Pure but for the numbers it is given.
// Called by pool.ts.

import type { Stats } from 'node:fs';

import { KvpPool, type KvpPoolName } from '../../protocol/kvp.js';
import { decodeKvpPool } from '../../protocol/kvp-pool.js';
import { entriesOf } from './pool-model.js';
import type { KvpPoolState } from './types.js';
import { caseTwins } from './warnings.js';

/** What was read. */
interface Seen {
  readonly name: KvpPoolName;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly stat: Stats;
  readonly isLocked: boolean;
}

/** Facts of a file. */
export function stateOf({ name, path, bytes, stat, isLocked }: Seen): KvpPoolState {
  const { records, tailBytes } = decodeKvpPool(bytes);
  const byKey = new Map<string, number[]>();
  for (const { key, index } of records) if (key) byKey.set(key, [...(byKey.get(key) ?? []), index]);
  return {
    pool: name,
    number: KvpPool[name],
    path,
    exists: true,
    isLocked,
    mode: stat.mode & 0o7777,
    isWorldReadable: (stat.mode & 0o004) !== 0,
    sizeBytes: bytes.length,
    modifiedMs: stat.mtimeMs,
    tailBytes,
    records,
    entries: entriesOf(records),
    duplicates: [...byKey].flatMap(([key, indexes]) => (indexes.length > 1 ? [{ key, indexes }] : [])),
    caseTwins: caseTwins(byKey.keys()),
  };
}

/** Facts where there is no file. */
export function stateOfNothing(name: KvpPoolName, path: string): KvpPoolState {
  return {
    pool: name,
    number: KvpPool[name],
    path,
    exists: false,
    isLocked: false,
    mode: null,
    isWorldReadable: false,
    sizeBytes: 0,
    modifiedMs: null,
    tailBytes: 0,
    records: [],
    entries: [],
    duplicates: [],
    caseTwins: [],
  };
}
