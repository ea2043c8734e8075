// SPDX-License-Identifier: MIT
//
// What drain and batched send leave behind on the JavaScript heap: bytes per packet and collections over ten million packets of
// 64 bytes. The other end is a thread with a heap of its own.
import { PerformanceObserver } from 'node:perf_hooks';
import process from 'node:process';
import { openFlood } from './flood.mjs';
import { Samples } from './samples.mjs';
import { useSums, visit } from './visitor.mjs';

const size = 64;
const batch = 256;

/** In turns, so that what a loop itself takes is not counted once for each packet. */
const ways = {
  'heap: drain(visitor)': (channel, packets) => {
    for (let seen = 0; seen < packets; ) seen += channel.drain(visit);
  },
  'heap: trySendArena': (channel, packets, { arena }) => {
    for (let sent = 0; sent < packets; ) {
      arena.clear();
      for (let i = 0; i < batch; i++) arena.add(i * size, size, i);
      sent += channel.trySendArena(arena);
    }
  },
  'heap: trySendMany': (channel, packets, { many }) => {
    for (let sent = 0; sent < packets; ) sent += channel.trySendMany(many);
  },
};

async function measure(work, collections) {
  await new Promise((resolve) => setImmediate(resolve));
  collections.length = 0;
  const before = process.memoryUsage().heapUsed;
  work();
  const grown = process.memoryUsage().heapUsed - before;
  await new Promise((resolve) => setImmediate(resolve));
  return { grown, collected: collections.length };
}

/** Rows of bytes per packet, and of collections during all of them. */
export async function heapRows({ quick }) {
  const packets = quick ? 1_000_000 : 10_000_000;
  const samples = new Samples(`(over ${packets.toLocaleString('en')} packets)`, 'values');
  const collections = [];
  const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  const flood = await openFlood(-1);
  const many = new Array(batch).fill(new Uint8Array(size).fill(7));
  const arena = flood.channel.sendArena({ bytes: batch * size, packets: batch });
  try {
    for (const [name, work] of Object.entries(ways)) {
      const run = async (count) => {
        if (work === ways['heap: drain(visitor)']) flood.order(size, count, batch);
        return measure(() => work(flood.channel, count, { many, arena }), collections);
      };
      await run(batch * 4000); // until the loop is compiled
      const { grown, collected } = await run(packets);
      samples.add(name, 'bytes/packet', Math.max(0, grown) / packets);
      samples.add(name, 'collections', collected);
    }
  } finally {
    observer.disconnect();
    await flood[Symbol.asyncDispose]();
  }
  useSums();
  return samples.rows();
}
