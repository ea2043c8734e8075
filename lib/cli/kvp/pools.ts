// SPDX-License-Identifier: MIT
//
// What the verbs of `hv kvp` share: the pool that is meant, how it is opened, and what is noted of a write.

import { InvalidArgumentError, Option } from 'commander';
import type { KvpPool, KvpPoolName, KvpWriteResult } from '../../index.js';
import type { Context } from '../context.js';
import { duration } from '../option-values.js';

/** Options of every verb. */
export interface PoolOptions {
  readonly pool: KvpPoolName;
  readonly timeout?: number;
}

/** Options of the verbs that write. */
export interface WriteOptions extends PoolOptions {
  readonly create?: boolean;
  readonly fsync?: boolean;
}

/** By number. Typed here, so that the help need not load the library. */
const names: readonly KvpPoolName[] = ['external', 'guest', 'auto', 'autoExternal', 'autoInternal'];
/** As they are typed: `auto-external`. */
export const typedName = (name: KvpPoolName): string => name.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`);
const typedNames = names.map(typedName).join(', ');

function poolName(text: string): KvpPoolName {
  const plain = text.toLowerCase().replaceAll(/[-_]/g, '');
  const found = names.find((name, number) => name.toLowerCase() === plain || String(number) === text);
  if (found === undefined) throw new InvalidArgumentError(`It must be one of ${typedNames}, or 0 to 4.`);
  return found;
}

/** `--pool`; without a default all pools are meant. */
export function poolOption(fallback?: KvpPoolName): Option {
  const option = new Option('-p, --pool <name>', `${typedNames}, or 0 to 4`).argParser(poolName);
  return fallback === undefined ? option : option.default(fallback, fallback);
}

/** `--timeout`. */
export function timeoutOption(text: string, defaultMs?: number): Option {
  const option = new Option('--timeout <time>', `${text} (a bare number is seconds)`).argParser(duration);
  return defaultMs === undefined ? option : option.default(defaultMs, `${defaultMs / 1000}s`);
}

/** How long to wait for the locks. */
export const lockTimeout = (): Option => timeoutOption('wait so long for programs that hold the file', 5000);

/** Opens the pool for the life of the command. */
export async function openPool(
  context: Context,
  options: WriteOptions,
  { timeoutIsForLocks = true }: { readonly timeoutIsForLocks?: boolean } = {},
): Promise<KvpPool> {
  const { openKvpPool } = await import('../../index.js');
  const { pool: name, create, fsync, timeout } = options;
  const pool = await openKvpPool(name, {
    root: await context.root(),
    signal: context.signal,
    ...(create === undefined ? {} : { create }),
    ...(fsync === undefined ? {} : { fsync }),
    ...(timeout === undefined || !timeoutIsForLocks ? {} : { timeoutMs: timeout }),
  });
  context.defer(() => pool.close());
  return pool;
}

/** Every pool, or the one that is meant. */
export function wantedPools(options: { readonly pool?: KvpPoolName }): readonly KvpPoolName[] {
  return options.pool === undefined ? names : [options.pool];
}

/** Says what a write warns of. */
export function noteWarnings({ warnings }: KvpWriteResult, { out }: Context): void {
  for (const { says, hint } of warnings) out.note(hint === null ? says : `${says}; ${hint}`);
}
