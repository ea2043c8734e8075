// SPDX-License-Identifier: MIT
//
// `hv kvp watch`, `hv kvp wait`, `hv kvp join`.

import type { KvpChange, KvpParts, KvpPool, KvpPoolName } from '../../index.js';
import type { Context } from '../context.js';
import { harmless } from '../harmless.js';
import type { Output } from '../output.js';
import type { Paint } from '../paint.js';
import { openPool, type PoolOptions, typedName } from './pools.js';

/** Runs `hv kvp watch`. */
export async function watch(
  context: Context,
  { initial = false, ...options }: PoolOptions & { readonly initial?: boolean },
): Promise<void> {
  const { out, signal } = context;
  const pool = await openPool(context, options);
  if (!initial) out.note(`watching the pool ${typedName(pool.name)}; Ctrl-C ends it`);
  const changes = pool.watch({ signal });
  const tell = (change: KvpChange): void => print(change, pool.name, out);
  // Asked for before the first look is taken, so that nothing falls between the two.
  let next = changes.next();
  if (initial)
    for (const { key, value } of (await pool.read()).exists ? await pool.entries() : [])
      tell({ kind: 'set', key, value, previous: null });
  for (let change = await next; !change.done; change = await next) {
    tell(change.value);
    next = changes.next();
  }
}

function print(change: KvpChange, pool: KvpPoolName, out: Output): void {
  const time = new Date();
  if (out.json) {
    out.record('vmbus.kvp-change/1', { time: time.toISOString(), pool, ...change });
    return;
  }
  const { paint } = out;
  const clock = paint.dim(`${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, '0')}`);
  out.line(`${clock} ${changeText(change, paint)}`);
}

function changeText(change: KvpChange, paint: Paint): string {
  switch (change.kind) {
    case 'set':
      return `${paint.good('+')} ${paint.bold(harmless(change.key))} = ${harmless(change.value)}`;
    case 'deleted':
      return `${paint.bad('-')} ${paint.bold(harmless(change.key))}`;
    case 'truncated': {
      const keys = change.vanished.map(({ key }) => harmless(key)).join(', ');
      return `${paint.bad('!')} ${change.isFileGone ? 'the file is gone' : 'the file was emptied'}, with it: ${keys}`;
    }
    default:
      return change satisfies never;
  }
}

interface WaitOptions extends PoolOptions {
  readonly value?: string;
  readonly join?: boolean;
}

/** Runs `hv kvp wait`. */
export async function wait(
  context: Context,
  key: string,
  { value: wanted, join, ...options }: WaitOptions,
): Promise<void> {
  const { out } = context;
  if (join) return joinValue(context, key, { ...options, wait: true });
  const pool = await openPool(context, options, { timeoutIsForLocks: false });
  const value = await pool.wait(key, {
    ...limits(context, options),
    ...(wanted === undefined ? {} : { accept: (found: string) => found === wanted }),
  });
  if (out.json) return out.document('vmbus.kvp-value/1', { pool: pool.name, key, value });
  out.line(out.isTerminal ? harmless(value) : value);
}

/** Runs `hv kvp join`. */
export async function joinValue(
  context: Context,
  key: string,
  { wait: waits = false, ...options }: PoolOptions & { readonly wait?: boolean },
): Promise<void> {
  const { out } = context;
  const pool = await openPool(context, options, { timeoutIsForLocks: !waits });
  const found = await pool.join(key, waits ? { ...limits(context, options), wait: true } : {});
  if (out.json) return out.document('vmbus.kvp-join/1', joinJson(pool, key, found));
  out.bytes(found.bytes);
}

function joinJson(pool: KvpPool, key: string, { bytes, ...facts }: KvpParts): Record<string, unknown> {
  const base64 = Buffer.from(bytes).toString('base64');
  return { pool: pool.name, key, ...facts, sizeBytes: bytes.length, text: textOf(bytes), base64 };
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function limits({ signal }: Context, { timeout }: PoolOptions): { signal: AbortSignal; timeoutMs?: number } {
  return { signal, ...(timeout === undefined ? {} : { timeoutMs: timeout }) };
}
