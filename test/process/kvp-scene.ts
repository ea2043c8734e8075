// SPDX-License-Identifier: MIT
//
// Folders with pool files, and the foreign program that shares them, for tests.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decodeKvpPool, encodeKvpRecord } from '../../dist/protocol/kvp-pool.js';

/** A root with pool files. */
export interface KvpScene extends Disposable {
  readonly root: string;
  /** Path of a pool's file. */
  file(number: number): string;
  /** Writes a pool's file anew. */
  put(number: number, ...entries: readonly (readonly [string, string])[]): void;
  /** Keys and values of every record, in order. */
  records(number: number): readonly (readonly [string | null, string | null])[];
}

/** Makes a root with the folder of the pools, and empty pools 0 to 3 in it. */
export function makeScene({ pools = [0, 1, 2, 3] }: { readonly pools?: readonly number[] } = {}): KvpScene {
  const root = mkdtempSync(path.join(tmpdir(), 'hv-kvp-'));
  const folder = path.join(root, 'var/lib/hyperv');
  const file = (number: number): string => path.join(folder, `.kvp_pool_${number}`);
  if (pools.length > 0) mkdirSync(folder, { recursive: true });
  for (const number of pools) writeFileSync(file(number), '');
  return {
    root,
    file,
    put: (number, ...entries) =>
      writeFileSync(file(number), Buffer.concat(entries.map(([key, value]) => encodeKvpRecord(key, value)))),
    records: (number) => decodeKvpPool(readFileSync(file(number))).records.map(({ key, value }) => [key, value]),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Compiles the foreign program; null where there is no C compiler. */
export function compileForeign(): { readonly program: string; remove(): void } | null {
  if (spawnSync('cc', ['--version']).status !== 0) return null;
  const folder = mkdtempSync(path.join(tmpdir(), 'hv-foreign-'));
  const program = path.join(folder, 'foreign-writer');
  const source = path.resolve(import.meta.dirname, '../../test/process/foreign-writer.c');
  execFileSync('cc', ['-O1', '-Wall', '-o', program, source]);
  return { program, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
