// SPDX-License-Identifier: MIT
//
// Sending: many a call from an arena or from arrays, one packet a call, and the awaited form; and the rings that C loops drive. The ring is emptied
// outside the timed part.

import { sendAgain } from './promises.mjs';
import { batchBytes, batchOf, capacityOf, fillsOf, inTurn, ownBatchBytes, ringLoops } from './ring-loops.mjs';
import { Samples } from './samples.mjs';
import { openWorld } from './world.mjs';

function arenaFor(channel, size) {
  const arena = channel.sendArena({ bytes: Math.max(batchBytes, size) });
  arena.bytes.fill(7);
  return arena;
}

/** A batch of packets whose payloads lie one behind the other. */
function addRows(arena, packets, length) {
  arena.clear();
  for (let i = 0; i < packets; i++) arena.add(i * length, length, i);
}

/** Nearly as many packets as the ring holds: who finds it full asks the host for space, which no C loop does. */
const perFill = (size) => capacityOf(size) - batchOf(size);

const ownBatchOf = (size) => Math.min(256, Math.floor(ownBatchBytes(size) / size));

const ways = {
  [sendAgain]: (channel, { length }, total, arena) => {
    const batch = ownBatchOf(length);
    addRows(arena, batch, length);
    for (let i = 0; i < total; i += batch) {
      const count = Math.min(batch, total - i);
      if (channel.trySendArena(arena, batch - count) !== count) throw new Error('the ring filled too early');
    }
  },
  'send: trySendArena': (channel, { length }, total, arena) => {
    const batch = ownBatchOf(length);
    for (let i = 0; i < total; i += batch) {
      const count = Math.min(batch, total - i);
      addRows(arena, count, length);
      if (channel.trySendArena(arena) !== count) throw new Error('the ring filled too early');
    }
  },
  'send: trySendMany': (channel, payload, total) => {
    const batch = batchOf(payload.length);
    const many = new Array(batch).fill(payload);
    for (let i = 0; i < total; i += batch) {
      const list = total - i < batch ? many.slice(0, total - i) : many;
      if (channel.trySendMany(list) !== list.length) throw new Error('the ring filled too early');
    }
  },
  'send: trySend, one a call': (channel, payload, total) => {
    for (let i = 0; i < total; i++) if (!channel.trySend(payload)) throw new Error('the ring filled too early');
  },
  'send: await send()': async (channel, payload, total) => {
    for (let i = 0; i < total; i++) await channel.send(payload);
  },
};

/**
 * Nanoseconds per packet of one way; the host takes what was sent outside the timed part. The first time is not counted, as in
 * the C loops.
 */
async function measure(world, give, payload, fills, arena) {
  const total = perFill(payload.length);
  let nanoseconds = 0n;
  for (let fill = -1; fill < fills; fill++) {
    const start = process.hrtime.bigint();
    await give(world.channel, payload, total, arena);
    if (fill >= 0) nanoseconds += process.hrtime.bigint() - start;
    await world.taken(total);
  }
  return Number(nanoseconds) / (total * fills);
}

/** Rows of ns per packet by payload size. */
export async function sendRows({ sizes, rounds, fetch }) {
  const samples = new Samples();
  const { rings, missing } = await ringLoops({ fetch });
  const world = await openWorld();
  const arenas = new Map(sizes.map((size) => [size, arenaFor(world.channel, size)]));
  try {
    for (let round = -1; round < rounds; round++) {
      for (const size of sizes) {
        const payload = new Uint8Array(size).fill(7);
        const fills = fillsOf(size);
        const arena = arenas.get(size);
        for (const [name, give] of inTurn(Object.entries(ways), round)) {
          const ns = await measure(world, give, payload, fills, arena);
          if (round >= 0) samples.add(name, size, ns);
        }
        for (const { label, loops } of rings) {
          const ns = loops.send(size, fills);
          if (round >= 0) samples.add(`send: ${label}`, size, ns);
        }
      }
    }
  } finally {
    await world[Symbol.asyncDispose]();
  }
  return [...samples.rows(), ...missing.map(({ name, note }) => ({ name: `send: ${name}`, note }))];
}
