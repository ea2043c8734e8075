// SPDX-License-Identifier: MIT
//
// What changed between two looks at a pool. Pure.
// Called by watch.ts.

import type { KvpChange, KvpPoolState } from './types.js';

/** Changes from one state to a later one: what went first, then what came, in the order of the file. */
export function changesBetween(before: KvpPoolState, after: KvpPoolState): readonly KvpChange[] {
  const old = before.entries;
  const now = after.entries;
  const values = new Map(old.map(({ key, value }) => [key, value]));
  const left = new Set(now.map(({ key }) => key));
  const vanished = old.filter(({ key }) => !left.has(key));
  const isEmptied = vanished.length > 0 && vanished.length === old.length;
  const isFileGone = before.exists && !after.exists;
  const gone: readonly KvpChange[] = isEmptied
    ? [{ kind: 'truncated', vanished, isFileGone }]
    : vanished.map(({ key, value }) => ({ kind: 'deleted', key, previous: value }));
  const set = now.flatMap(({ key, value }): readonly KvpChange[] => {
    const previous = values.get(key) ?? null;
    return previous === value ? [] : [{ kind: 'set', key, value, previous }];
  });
  return [...gone, ...set];
}
