// SPDX-License-Identifier: MIT
//
// `hv kvp ls` and `hv kvp get`.

import type { KvpPoolName, KvpPoolState } from '../../index.js';
import { explainKvpKey, kvpAutoKeys, kvpPoolTitles, VmbusError } from '../../index.js';
import type { Context } from '../context.js';
import { harmless } from '../harmless.js';
import { renderTable } from '../table.js';
import { openPool, type PoolOptions, typedName, wantedPools } from './pools.js';

/** Runs `hv kvp ls`. */
export async function list(context: Context, options: Partial<PoolOptions>): Promise<void> {
  const { out } = context;
  const pools: KvpPoolState[] = [];
  for (const name of wantedPools(options)) {
    const pool = await openPool(context, { ...options, pool: name });
    const state = await pool.read();
    // A pool that was asked for by name is an error when it is missing; one of all is a fact.
    if (!state.exists && options.pool !== undefined) await pool.entries();
    pools.push(state);
  }
  if (out.json) {
    return out.document('vmbus.kvp-list/1', {
      root: await context.root(),
      pools: pools.map(listJson),
    });
  }
  printList(context, pools);
}

function printList({ out }: Context, pools: readonly KvpPoolState[]): void {
  const { paint } = out;
  const rows = pools.flatMap(({ pool, entries }) =>
    entries.map(({ key, value }, i) => {
      const meaning = explainKvpKey(pool, key);
      return [i === 0 ? typedName(pool) : ' ', paint.bold(harmless(key)), cut(value), meaning ?? ' '];
    }),
  );
  const hasMeanings = rows.some((row) => row[3] !== ' ');
  const titles = ['POOL', 'KEY', 'VALUE', ...(hasMeanings ? ['MEANING'] : [])].map((title) => ({ title }));
  if (rows.length > 0) out.line(renderTable(titles, rows, paint));
  else out.note('there are no keys');
  const missing = pools.filter(({ exists }) => !exists).map(({ pool }) => typedName(pool));
  if (missing.length === pools.length) out.note('there are no pool files; `hv doctor --only kvp` tells why');
  else if (missing.length > 0) out.note(`no file: ${missing.join(', ')}`);
  if (pools.some(({ pool, exists, entries }) => pool === 'auto' && exists && entries.length === 0))
    out.note(`auto is made when the host asks, and not kept in a file: ${kvpAutoKeys.join(', ')}`);
  for (const state of pools) {
    const odd = oddities(state);
    if (odd !== '') out.note(`${typedName(state.pool)}: ${odd}; see \`hv kvp dump --pool ${typedName(state.pool)}\``);
  }
}

/** Printed on one line, and no longer than a screen. */
function cut(value: string): string {
  const plain = harmless(value);
  return plain.length > 60 ? `${plain.slice(0, 59)}…` : plain || '""';
}

function oddities({ duplicates, records, tailBytes, caseTwins }: KvpPoolState): string {
  const damaged = records.filter(({ problems }) => problems.length > 0).length;
  return [
    duplicates.length > 0
      ? `several records have the key ${duplicates.map(({ key }) => harmless(key)).join(', ')}`
      : '',
    caseTwins.length > 0 ? `one key for Windows: ${caseTwins.map((twins) => twins.join(' and ')).join('; ')}` : '',
    damaged > 0 ? `${damaged} records are damaged` : '',
    tailBytes > 0 ? `${tailBytes} bytes at the end are no record` : '',
  ]
    .filter(Boolean)
    .join('; ');
}

function listJson(state: KvpPoolState): Record<string, unknown> {
  const { pool, number, path, exists, isWorldReadable, entries, duplicates, caseTwins, records } = state;
  return {
    pool,
    number,
    title: kvpPoolTitles[pool],
    path,
    exists,
    isWorldReadable,
    entries: entries.map(({ key, value }) => ({ key, value, meaning: explainKvpKey(pool, key) })),
    duplicates: duplicates.map(({ key }) => key),
    caseTwins,
    damaged: records.filter(({ problems }) => problems.length > 0).length,
  };
}

/** Runs `hv kvp get`. */
export async function get(context: Context, key: string, options: PoolOptions): Promise<void> {
  const { out } = context;
  const pool = await openPool(context, options);
  const value = await pool.get(key);
  if (value === null) throw await absent(context, key, options);
  if (out.json) return out.document('vmbus.kvp-value/1', { pool: pool.name, key, value });
  out.line(out.isTerminal ? harmless(value) : value);
}

/** The error for a key that is not there, with where it is. */
async function absent(context: Context, key: string, { pool: name }: PoolOptions): Promise<VmbusError> {
  const others: KvpPoolName[] = [];
  const alike: string[] = [];
  for (const other of wantedPools({})) {
    const { records } = await (await openPool(context, { pool: other })).read().catch(() => ({ records: [] }));
    if (other !== name && records.some((record) => record.key === key)) others.push(other);
    if (other !== name) continue;
    const folded = key.toLowerCase();
    for (const record of records) if (record.key?.toLowerCase() === folded) alike.push(record.key);
    if (records.some((record) => record.key === `${key}.meta`)) alike.push(`${key}.meta`);
  }
  return new VmbusError('ERR_VMBUS_NO_KEY', `there is no key ${key} in the pool ${typedName(name)}`, {
    hint: hintFor({ key, name, others, alike }),
    facts: { key, pool: name, otherPools: others },
  });
}

interface Found {
  readonly key: string;
  readonly name: KvpPoolName;
  readonly others: readonly KvpPoolName[];
  readonly alike: readonly string[];
}

function hintFor({ key, name, others, alike }: Found): string {
  const [other] = others;
  if (other !== undefined) return `it is in another pool: \`hv kvp get --pool ${typedName(other)} ${key}\``;
  const place = name === 'guest' ? '' : ` --pool ${typedName(name)}`;
  const [like] = alike;
  if (like === `${key}.meta`) return `it was published in parts: \`hv kvp join${place} ${key}\``;
  if (like !== undefined) return `keys are told apart by case: \`hv kvp get${place} ${like}\``;
  return `see what there is: \`hv kvp ls${place}\`, or wait for it: \`hv kvp wait${place} ${key}\``;
}
