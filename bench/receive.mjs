// SPDX-License-Identifier: MIT
//
// Receiving: drain with a visitor, batches, a view per packet, a packet object per step; and the rings that C loops drive.
import { batchBytes, capacityOf, fillsOf, inTurn, ownBatchBytes, ringLoops } from './ring-loops.mjs';
import { Samples } from './samples.mjs';
import { useSums, visit } from './visitor.mjs';
import { openWorld } from './world.mjs';

// A small integer always: a larger number would be an object for each packet.
let sink = 0;

/** Takes so many packets with the bench's visitor. */
export async function drain(channel, total) {
  for (let seen = 0; seen < total; ) {
    const n = channel.drain(visit);
    if (n === 0) await channel.readable();
    seen += n;
  }
}

const ways = {
  'receive: batches()': async (channel, total) => {
    let seen = 0;
    for await (const batch of channel.batches()) {
      for (let i = 0; i < batch.length; i++)
        sink =
          (sink + batch.arena[batch.payloadOffset(i)] + batch.payloadLength(i) + batch.type(i) + batch.idLow(i)) | 0;
      seen += batch.length;
      if (seen >= total) break;
    }
  },
  'receive: batches(), a view each': async (channel, total) => {
    let seen = 0;
    for await (const batch of channel.batches()) {
      for (let i = 0; i < batch.length; i++) {
        const view = batch.view(i);
        sink = (sink + view[0] + view.length + batch.type(i) + batch.idLow(i)) | 0;
      }
      seen += batch.length;
      if (seen >= total) break;
    }
  },
  'receive: for await (packet)': async (channel, total) => {
    let seen = 0;
    for await (const packet of channel) {
      sink = (sink + packet.payload[0] + packet.payload.length + packet.type) | 0;
      seen += 1;
      if (seen >= total) break;
    }
  },
};

/**
 * Nanoseconds per packet of one way: the ring is filled outside the timed part, as far as it goes without the host's asking
 * for space, which no C loop does: its wake would be in the timed part. The first time is not counted, as in the C loops.
 */
export async function measure({ channel, host }, take, payload, fills) {
  const total = capacityOf(payload.length);
  const many = new Array(64).fill(payload);
  const rest = many.slice(0, total % many.length);
  let nanoseconds = 0n;
  for (let fill = -1; fill < fills; fill++) {
    let sent = host.sendMany(rest, { transactionId: 5n });
    while (sent < total) sent += host.sendMany(many, { transactionId: 5n });
    const start = process.hrtime.bigint();
    await take(channel, total);
    if (fill >= 0) nanoseconds += process.hrtime.bigint() - start;
  }
  return Number(nanoseconds) / (total * fills);
}

/** Rows of ns per packet by payload size. */
export async function receiveRows({ sizes, rounds, fetch }) {
  const samples = new Samples();
  const { rings, missing } = await ringLoops({ fetch });
  const world = await openWorld({ arenaBytes: batchBytes });
  const plain = await openWorld();
  const own = new Map();
  try {
    for (const size of sizes) own.set(size, await openWorld({ arenaBytes: ownBatchBytes(size) }));
    for (let round = -1; round < rounds; round++) {
      for (const size of sizes) {
        const payload = new Uint8Array(size).fill(7);
        const fills = fillsOf(size);
        const all = [
          ...Object.entries(ways).map(([name, take]) => ({ name, take, of: world })),
          { name: 'receive: drain(visitor)', take: drain, of: own.get(size) },
          { name: 'receive: drain(visitor), default sizes', take: drain, of: plain },
        ];
        for (const { name, take, of } of inTurn(all, round)) {
          const ns = await measure(of, take, payload, fills);
          if (round >= 0) samples.add(name, size, ns);
        }
        for (const { label, loops } of rings) {
          const ns = loops.receive(size, fills);
          if (round >= 0) samples.add(`receive: ${label}`, size, ns);
        }
      }
    }
  } finally {
    await world[Symbol.asyncDispose]();
    await plain[Symbol.asyncDispose]();
    for (const one of own.values()) await one[Symbol.asyncDispose]();
  }
  if (sink === 1) console.error(sink);
  useSums();
  return [...samples.rows(), ...missing.map(({ name, note }) => ({ name: `receive: ${name}`, note }))];
}
