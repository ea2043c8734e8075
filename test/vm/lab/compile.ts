// SPDX-License-Identifier: MIT
// Compiles the lab's own C sources with this machine's compiler, once for each state of them.
// Called by machine.ts and hosted/. The result runs in the guests too, whose C library is at least as new as any that cc knows here.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFile } from './cache.js';
import { fingerprint } from './image-builder.js';
import { LabUnavailable } from './provision.js';

const WARNINGS = ['-Wall', '-Wextra', '-Wshadow', '-Werror'];

/** Flags of an object that is preloaded into QEMU. */
export const PRELOADED = ['-shared', '-fPIC', '-fvisibility=hidden'];

/** A source of the lab, by its place below test/vm. */
export const labSource = (name: string): string => fileURLToPath(new URL(`../../../test/vm/${name}`, import.meta.url));

function compilerVersion(): string {
  try {
    return execFileSync('cc', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    throw new LabUnavailable('the lab needs a C compiler: apt-get install g++', { cause: error });
  }
}

/**
 * Compiles all .c files of a folder, or one file, into one program or shared object.
 * @returns the result's file in the cache
 * @throws LabUnavailable where there is no compiler
 */
export function compiled(cache: string, name: string, source: string, flags: readonly string[]): string {
  const isFolder = fs.statSync(source).isDirectory();
  const files = isFolder ? fs.readdirSync(source).map((file) => path.join(source, file)) : [source];
  const texts = files.map((file) => fs.readFileSync(file, 'utf8'));
  const id = fingerprint(texts, flags, compilerVersion());
  const result = path.join(cache, 'compiled', `${name}-${id}`);
  if (fs.existsSync(result)) return result; // not touched: images are named after its time too
  const units = files.filter((file) => file.endsWith('.c'));
  buildFile(result, (unfinished) => {
    execFileSync('cc', ['-std=gnu11', '-O2', ...WARNINGS, ...flags, '-o', unfinished, ...units], { stdio: 'inherit' });
  });
  return result;
}
