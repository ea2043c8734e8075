// SPDX-License-Identifier: MIT
//
// `hv kvp dump`: a pool file as it is, record by record, with everything odd about it.

import type { KvpPoolState, KvpRecord } from '../../index.js';
import type { Context } from '../context.js';
import { harmless } from '../harmless.js';
import type { Output } from '../output.js';
import { renderTable } from '../table.js';
import { openPool, type PoolOptions, typedName, wantedPools } from './pools.js';

/** Runs `hv kvp dump`. */
export async function dump(context: Context, options: Partial<PoolOptions>): Promise<void> {
  const { out } = context;
  const states: KvpPoolState[] = [];
  for (const name of wantedPools(options))
    states.push(await (await openPool(context, { ...options, pool: name })).read());
  if (out.json) return out.document('vmbus.kvp-dump/1', { root: await context.root(), pools: states.map(stateJson) });
  for (const [i, state] of states.entries()) {
    if (i > 0) out.line();
    printState(state, out);
  }
}

function printState(state: KvpPoolState, out: Output): void {
  const { paint } = out;
  const field = (name: string, text: string): void => out.line(`${paint.dim(name.padEnd(9))} ${text}`);
  out.line(`${paint.bold(typedName(state.pool))}  pool ${state.number}`);
  field('file', state.exists ? state.path : `${state.path} ${paint.warn('is missing')}`);
  if (!state.exists) return;
  const mode = (state.mode ?? 0).toString(8).padStart(4, '0');
  field('mode', state.isWorldReadable ? `${mode}  every user of this guest can read it` : mode);
  field('size', `${state.sizeBytes} bytes, ${state.records.length} records`);
  field('changed', new Date(state.modifiedMs ?? 0).toISOString());
  if (!state.isLocked) field('locks', paint.warn('none taken: the addon cannot be loaded'));
  if (state.tailBytes > 0) field('torn end', paint.bad(`${state.tailBytes} bytes after the last record`));
  for (const { key, indexes } of state.duplicates)
    field('double', paint.warn(`${harmless(key)} in records ${indexes.join(', ')}; ${indexes[0]} counts`));
  for (const twins of state.caseTwins)
    field('case', paint.warn(`${twins.map(harmless).join(', ')}: one key for Windows`));
  if (state.records.length === 0) return;
  const columns = [
    { title: 'RECORD', align: 'right' as const },
    { title: 'KEY' },
    { title: 'VALUE' },
    { title: 'UNITS', align: 'right' as const },
    { title: 'PROBLEMS' },
  ];
  const rows = state.records.map((record) => [
    String(record.index),
    shown(record.key, record.keyBytes),
    shown(record.value, record.valueBytes),
    record.value === null ? '?' : String(record.value.length),
    record.problems.length === 0 ? ' ' : paint.bad(record.problems.join(' ')),
  ]);
  out.line(renderTable(columns, rows, paint));
}

/** Text, or the bytes as hex where they are none. */
function shown(text: string | null, bytes: Uint8Array): string {
  const plain = text === null ? `hex ${Buffer.from(bytes).toString('hex')}` : harmless(text);
  return plain.length > 50 ? `${plain.slice(0, 49)}…` : plain || '""';
}

function stateJson(state: KvpPoolState): Record<string, unknown> {
  const { records, mode, modifiedMs, ...facts } = state;
  return {
    ...facts,
    mode: mode === null ? null : mode.toString(8).padStart(4, '0'),
    modified: modifiedMs === null ? null : new Date(modifiedMs).toISOString(),
    records: records.map(recordJson),
  };
}

function recordJson({ index, key, value, keyBytes, valueBytes, problems }: KvpRecord): Record<string, unknown> {
  return {
    index,
    key,
    value,
    ...(key === null ? { keyBase64: Buffer.from(keyBytes).toString('base64') } : {}),
    ...(value === null ? { valueBase64: Buffer.from(valueBytes).toString('base64') } : {}),
    problems,
  };
}
