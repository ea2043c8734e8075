// SPDX-License-Identifier: MIT
//
// Rings that C and C++ loops drive in this very process: our core, and the anchors where they are in the cache: A is DPDK's
// ring, B the kernel tree's. Each is an addon of native/bench, compiled and linked here against what the packages brought.
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { anchor } from '../scripts/fetch-anchors.mjs';
import { BuildFailure, NativeBuild } from '../scripts/native/build.mjs';
import { anchorA, anchorB, ownCore } from './promises.mjs';

const root = path.resolve(import.meta.dirname, '..');
const require = createRequire(import.meta.url);

/** Where the bench builds its programs. */
export const nativeBuild = new NativeBuild({ root, folder: path.join(root, 'build-core') });

/** The core's own code, for programs that are linked with it. */
export const coreSources = ['ring_reader', 'ring_writer', 'packet'].map((name) => `native/core/${name}.cc`);

/** Names of the rows, and the code behind them. */
const faces = [
  { face: 'core', label: ownCore, sources: coreSources },
  { face: 'dpdk', label: anchorA, sources: ['native/bench/dpdk_needs.cc'], isAnchor: true },
  { face: 'kernel', label: anchorB, sources: [], isAnchor: true },
];

/** The folder of Node's own headers. @throws Error where this Node came without them */
function nodeHeaders() {
  const folder = path.join(path.dirname(path.dirname(realpathSync(process.execPath))), 'include/node');
  if (!existsSync(path.join(folder, 'node_api.h'))) throw new Error(`no headers of Node in ${folder}`);
  return folder;
}

async function load({ face, sources: own, isAnchor }, fetch) {
  const { sources, flags, libraries } = isAnchor ? anchor(face, { fetch }) : { sources: [], flags: [], libraries: [] };
  const file = await nativeBuild.executable({
    name: `ring_loops_${face}.node`,
    sources: ['native/bench/ring_loops_addon.cc', ...own, ...sources],
    flags: [
      ...['-O3', '-fPIC', '-shared', '-fvisibility=hidden', '-Wl,-Bsymbolic', '-isystem', nodeHeaders(), ...flags],
      `-DVMBUS_BENCH_FACE="face_${face}.h"`,
    ],
    libraries,
  });
  return require(file);
}

async function loadAll(fetch) {
  const rings = [];
  const missing = [];
  for (const face of faces) {
    try {
      rings.push({ label: face.label, loops: await load(face, fetch) });
    } catch (error) {
      if (error instanceof BuildFailure) throw error;
      missing.push({ name: face.label, note: `${face.isAnchor ? 'anchor not installed: ' : ''}${error.message}` });
    }
  }
  return { rings, missing };
}

/** Packets that a 2 MiB ring holds: a header page, and 24 bytes beside each payload; some bytes always stay free. */
export const capacityOf = (size) => Math.floor(((2 << 20) - 4096 - 8) / (Math.ceil(size / 8) * 8 + 24));

/** How often a 2 MiB ring is filled for one figure: it is emptied in a fraction of a millisecond. */
export const fillsOf = (size) => Math.max(4, Math.ceil((4096 * (size + 24)) / (2 << 20)));

/** What the C loops take together: at most so many bytes, and 256 packets. */
export const batchBytes = 16 * 1024;
export const batchOf = (size) => Math.min(256, Math.max(1, Math.floor(batchBytes / size)));

/**
 * What `drain` and `trySendArena` take together: half of it where packets are long, because what JavaScript does between two
 * batches then finds its memory in the first-level cache (part `batches`). A packet is always taken whole.
 */
export const ownBatchBytes = (size) => Math.max(size, size < 1024 ? batchBytes : batchBytes / 2);

/** Another one first each round: who comes after the others' rings finds the caches full of them. */
export function inTurn(list, round) {
  const first = (round + 1) % list.length;
  return [...list.slice(first), ...list.slice(0, first)];
}

let loaded;

/**
 * The rings to measure, built at the first call, and those that are not to be had.
 * @returns {Promise<{ rings: { label: string, loops: object }[], missing: { name: string, note: string }[] }>}
 */
export function ringLoops({ fetch = false } = {}) {
  loaded ??= loadAll(fetch);
  return loaded;
}
