// SPDX-License-Identifier: MIT
//
// What drain and batched send leave behind on the JavaScript heap: bytes per packet and collections over ten million packets of
// 64 bytes. The other end is a thread with a heap of its own.
import { once } from 'node:events';
import { PerformanceObserver } from 'node:perf_hooks';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { openBus, openChannel } from '../dist/index.js';
import { Samples } from './samples.mjs';

const size = 64;
const batch = 256;
// A small integer always: a larger number would be an object for each packet.
let sink = 0;
const visit = (arena, offset, length, type, idLow) => {
  sink = (sink + arena[offset] + length + type + idLow) | 0;
};

/** In turns, so that what a loop itself takes is not counted once for each packet. */
const ways = {
  'heap: drain(visitor)': (channel, packets) => {
    for (let seen = 0; seen < packets; ) seen += channel.drain(visit);
  },
  'heap: trySendMany': (channel, packets, many) => {
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
  const worker = new Worker(new URL('flood-worker.mjs', import.meta.url), { workerData: { cpu: -1 } });
  const [{ root }] = await once(worker, 'message');
  const bus = openBus({ root });
  const channel = await openChannel(bus.devices()[0]);
  const many = new Array(batch).fill(new Uint8Array(size).fill(7));
  try {
    for (const [name, work] of Object.entries(ways)) {
      const run = async (count) => {
        if (work === ways['heap: drain(visitor)']) worker.postMessage({ bytes: size, packets: count, batch });
        return measure(() => work(channel, count, many), collections);
      };
      await run(batch * 4000); // until the loop is compiled
      const { grown, collected } = await run(packets);
      samples.add(name, 'bytes/packet', Math.max(0, grown) / packets);
      samples.add(name, 'collections', collected);
    }
  } finally {
    observer.disconnect();
    await channel.close();
    await bus.close();
    const ended = once(worker, 'exit');
    worker.postMessage(null);
    await ended;
  }
  if (sink === 1) console.error(sink);
  return samples.rows();
}
