// SPDX-License-Identifier: MIT
//
// `hv kvp set`, `hv kvp del`, `hv kvp publish`.

import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { KvpPool, KvpWriteResult } from '../../index.js';
import type { Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { harmless } from '../harmless.js';
import { UsageError } from '../usage-error.js';
import { noteWarnings, openPool, typedName, type WriteOptions } from './pools.js';

/** Runs `hv kvp set`. */
export async function set(
  context: Context,
  key: string,
  text: string | undefined,
  options: WriteOptions,
): Promise<void> {
  const value = text === undefined || text === '-' ? await textFromInput() : text;
  const pool = await openPool(context, options);
  const done = await pool.set(key, value);
  if (context.out.json) return writeJson(context, pool, done);
  const where = `in the pool ${typedName(pool.name)}`;
  context.out.line(`${harmless(key)} ${done.changed ? 'is set' : 'was so already'} ${where}`);
  noteWarnings(done, context);
}

/** Runs `hv kvp del`. */
export async function del(
  context: Context,
  keys: readonly string[],
  { force = false, ...options }: WriteOptions & { readonly force?: boolean },
): Promise<number> {
  const { out } = context;
  const pool = await openPool(context, options);
  const { value: missing, ...done } = await pool.transaction((tx) => keys.filter((key) => !tx.delete(key)));
  if (out.json) writeJson(context, pool, done, { missing });
  for (const { key } of out.json ? [] : done.deleted)
    out.line(`${harmless(key)} is deleted in the pool ${typedName(pool.name)}`);
  noteWarnings(done, context);
  if (missing.length === 0 || force) return ExitCode.ok;
  out.note(
    `not there: ${missing.map(harmless).join(', ')}; \`hv kvp ls\` lists the keys, --force makes this no failure`,
  );
  return ExitCode.absent;
}

/** Runs `hv kvp publish`. */
export async function publish(
  context: Context,
  key: string,
  file: string | undefined,
  options: WriteOptions,
): Promise<void> {
  const { out } = context;
  const bytes = file === undefined || file === '-' ? await input('hv kvp publish KEY FILE') : await readFile(file);
  const pool = await openPool(context, options);
  const { published, ...done } = await pool.publish(key, bytes);
  if (out.json) {
    return out.document('vmbus.kvp-publish/1', { pool: pool.name, path: pool.path, key, ...published, ...done });
  }
  const { sizeBytes, parts, generation } = published;
  out.line(`${harmless(key)} is published in the pool ${typedName(pool.name)}: ${sizeBytes} bytes in ${parts} parts`);
  out.note(`generation ${generation}; docs/kvp.md has the script that joins it on the host`);
  noteWarnings(done, context);
}

function writeJson({ out }: Context, pool: KvpPool, done: KvpWriteResult, more: Record<string, unknown> = {}): void {
  out.document('vmbus.kvp-write/1', { pool: pool.name, path: pool.path, ...done, ...more });
}

/** Text of standard input, without its last line end: what `echo` adds is not meant. */
async function textFromInput(): Promise<string> {
  const bytes = await input('hv kvp set KEY VALUE');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\n$/, '');
  } catch {
    throw new UsageError('standard input is no UTF-8', 'bytes of any kind can be published: hv kvp publish KEY -');
  }
}

async function input(instead: string): Promise<Uint8Array> {
  if (process.stdin.isTTY) throw new UsageError('there is no value', `${instead}, or a pipe`);
  return buffer(process.stdin);
}
