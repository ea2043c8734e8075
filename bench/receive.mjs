// SPDX-License-Identifier: MIT
//
// Receiving: drain with a visitor, batches, a view per packet, a packet object per step.
import { Samples } from './samples.mjs';
import { openWorld } from './world.mjs';

let sink = 0;

const ways = {
  'receive: drain(visitor)': async (channel, total) => {
    const visit = (arena, offset, length, type, idLow) => {
      sink += arena[offset] + length + type + idLow;
    };
    for (let seen = 0; seen < total; ) {
      const n = channel.drain(visit);
      if (n === 0) await channel.readable();
      seen += n;
    }
  },
  'receive: batches()': async (channel, total) => {
    let seen = 0;
    for await (const batch of channel.batches()) {
      for (let i = 0; i < batch.length; i++)
        sink += batch.arena[batch.payloadOffset(i)] + batch.payloadLength(i) + batch.idLow(i);
      seen += batch.length;
      if (seen >= total) break;
    }
  },
  'receive: batches(), a view each': async (channel, total) => {
    let seen = 0;
    for await (const batch of channel.batches()) {
      for (let i = 0; i < batch.length; i++) sink += batch.view(i)[0] + batch.idLow(i);
      seen += batch.length;
      if (seen >= total) break;
    }
  },
  'receive: for await (packet)': async (channel, total) => {
    let seen = 0;
    for await (const packet of channel) {
      sink += packet.payload[0] + packet.type;
      seen += 1;
      if (seen >= total) break;
    }
  },
};

/** Rows of ns per packet by payload size. */
export async function receiveRows({ sizes, rounds }) {
  const samples = new Samples();
  const world = await openWorld();
  try {
    for (let round = -1; round < rounds; round++) {
      for (const size of sizes) {
        const payload = new Uint8Array(size).fill(7);
        for (const [name, take] of Object.entries(ways)) {
          let total = 0;
          while (world.host.send(payload, { transactionId: 5n })) total += 1;
          const start = process.hrtime.bigint();
          await take(world.channel, total);
          const ns = Number(process.hrtime.bigint() - start) / total;
          if (round >= 0) samples.add(name, size, ns);
        }
      }
    }
  } finally {
    await world[Symbol.asyncDispose]();
  }
  if (sink < 0) console.error(sink);
  return samples.rows();
}
