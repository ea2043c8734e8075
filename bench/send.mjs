// SPDX-License-Identifier: MIT
//
// Sending: one packet a call, many a call, and the awaited form. The ring is emptied outside the timed part.
import { Samples } from './samples.mjs';
import { openWorld } from './world.mjs';

const perRound = (size) => Math.max(32, Math.min(8192, Math.floor((1 << 20) / (size + 24))));

const ways = {
  'send: trySend, one a call': (channel, payload, total) => {
    for (let i = 0; i < total; i++) if (!channel.trySend(payload)) throw new Error('the ring filled too early');
  },
  'send: trySendMany of 64': (channel, payload, total) => {
    const many = new Array(64).fill(payload);
    for (let i = 0; i < total; i += 64) {
      const list = total - i < 64 ? many.slice(0, total - i) : many;
      if (channel.trySendMany(list) !== list.length) throw new Error('the ring filled too early');
    }
  },
  'send: await send()': async (channel, payload, total) => {
    for (let i = 0; i < total; i++) await channel.send(payload);
  },
};

/** Rows of ns per packet by payload size. */
export async function sendRows({ sizes, rounds }) {
  const samples = new Samples();
  const world = await openWorld();
  let target = 0;
  try {
    for (let round = -1; round < rounds; round++) {
      for (const size of sizes) {
        const payload = new Uint8Array(size).fill(7);
        const total = perRound(size);
        for (const [name, give] of Object.entries(ways)) {
          const start = process.hrtime.bigint();
          await give(world.channel, payload, total);
          const ns = Number(process.hrtime.bigint() - start) / total;
          target += total;
          await world.taken(target);
          if (round >= 0) samples.add(name, size, ns);
        }
      }
    }
  } finally {
    await world[Symbol.asyncDispose]();
  }
  return samples.rows();
}
