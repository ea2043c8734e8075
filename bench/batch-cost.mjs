// SPDX-License-Identifier: MIT
//
// What a batch costs beside its packets, by how much it moves: the addon's call and what JavaScript does once a batch. It grows
// where the copy pushes everything else out of the first-level cache.

import { ownCore } from './promises.mjs';
import { drain, measure } from './receive.mjs';
import { fillsOf, inTurn, ringLoops } from './ring-loops.mjs';
import { Samples } from './samples.mjs';
import { useSums } from './visitor.mjs';
import { openWorld } from './world.mjs';

/** Payload bytes, and packets a batch. */
const batches = [
  [16, 1],
  [1024, 1],
  [1024, 8],
  [1024, 16],
  [4096, 1],
  [4096, 2],
  [4096, 4],
  [16384, 1],
];

/** Rows of ns per batch, without what the core's own loop takes for its packets. */
export async function batchCostRows({ rounds, fetch }) {
  const samples = new Samples('ns per batch', 'values');
  const { rings, missing } = await ringLoops({ fetch });
  const core = rings.find(({ label }) => label === ownCore)?.loops;
  if (core === undefined) return missing.filter(({ name }) => name === ownCore);
  const worlds = [];
  try {
    for (const [size, count] of batches)
      worlds.push({ size, count, world: await openWorld({ arenaBytes: 16384, batchPackets: count }) });
    for (let round = -1; round < rounds; round++) {
      for (const { size, count, world } of inTurn(worlds, round)) {
        const fills = fillsOf(size);
        const packet = await measure(world, drain, new Uint8Array(size).fill(7), fills);
        const own = core.receive(size, fills);
        if (round >= 0) samples.add('a batch beside its packets', `${count} x ${size} B`, (packet - own) * count);
      }
    }
  } finally {
    for (const { world } of worlds) await world[Symbol.asyncDispose]();
  }
  useSums();
  return samples.rows();
}
