// SPDX-License-Identifier: MIT
//
// The C++ core's own loop, without Node: builds native/bench/ring_bench.cc and reads the lines it prints.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');

/** Rows of ns per packet by payload size. */
export function coreRows() {
  const out = path.join(root, 'build-core', 'ring_bench');
  mkdirSync(path.dirname(out), { recursive: true });
  const core = readdirSync(path.join(root, 'native/core')).filter((f) => f.endsWith('.cc'));
  const sources = ['native/bench/ring_bench.cc', ...core.map((f) => `native/core/${f}`)];
  const flags = ['-std=c++20', '-O3', '-fno-exceptions', '-fno-rtti', '-Inative', '-pthread'];
  const built = spawnSync('g++', [...flags, ...sources, '-o', out], { cwd: root, encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`ring_bench does not build: ${built.stderr ?? built.error}`);
  const ran = spawnSync(out, [], { encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(`ring_bench ended with ${ran.signal ?? ran.status}: ${ran.stderr}`);
  const rows = {};
  for (const line of ran.stdout.trim().split('\n')) {
    const { direction, bytes: size, ns } = JSON.parse(line);
    rows[direction] = { ...rows[direction], [size]: ns };
  }
  return Object.entries(rows).map(([direction, bySize]) => ({
    name: `C++ core: ${direction}`,
    unit: 'ns/packet',
    bySize,
  }));
}
