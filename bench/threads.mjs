// SPDX-License-Identifier: MIT
//
// Two threads on different processors: a producer as fast as it goes, and a consumer that drains. Ours: a simulated host in a
// worker thread and drain(visitor) here; the others: the same with both ends in C.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { openBus, openChannel } from '../dist/index.js';
import { twoProcessors } from './processors.mjs';
import { batchBytes, batchOf, ringLoops } from './ring-loops.mjs';
import { Samples } from './samples.mjs';

const sizes = [64, 1024, 4096, 16384];
const packetsOf = (size) => Math.max(2048, Math.min(100_000, Math.floor((32 << 20) / size)));
// A small integer always: a larger number would be an object for each packet.
let sink = 0;
const visit = (arena, offset, length, type, idLow) => {
  sink = (sink + arena[offset] + length + type + idLow) | 0;
};

/** Nanoseconds per packet, from the first one that arrives on. */
async function receive(channel, packets) {
  let seen = 0;
  while (seen === 0) {
    seen += channel.drain(visit);
    if (seen === 0) await channel.readable();
  }
  const first = seen;
  const start = process.hrtime.bigint();
  while (seen < packets) {
    const count = channel.drain(visit);
    if (count === 0) await channel.readable();
    seen += count;
  }
  return Number(process.hrtime.bigint() - start) / (packets - first);
}

/** Two channels to the same kind of producer: one waits for wakes, one looks on for a while before. */
async function openFloods(cpu) {
  const arenaBytes = batchBytes;
  const ways = {
    'two threads: drain(visitor)': { arenaBytes, busyPollUs: 200 },
    'two threads: drain(visitor), no busy polling': { arenaBytes },
  };
  const opened = [];
  for (const [name, options] of Object.entries(ways)) {
    const worker = new Worker(new URL('flood-worker.mjs', import.meta.url), { workerData: { cpu } });
    const [{ root }] = await once(worker, 'message');
    const bus = openBus({ root });
    opened.push({ name, worker, bus, channel: await openChannel(bus.devices()[0], options) });
  }
  return opened;
}

async function close({ worker, bus, channel }) {
  await channel.close();
  await bus.close();
  const ended = once(worker, 'exit');
  worker.postMessage(null);
  await ended;
}

/** Rows of ns per packet by payload size. */
export async function threadRows({ rounds, fetch }) {
  const processors = twoProcessors();
  if (!processors) return [{ name: 'two threads', note: 'this process may use one processor only' }];
  const { rings, missing } = await ringLoops({ fetch });
  const samples = new Samples();
  const floods = await openFloods(processors.producer);
  try {
    for (let round = -1; round < rounds; round++) {
      for (const size of sizes) {
        const packets = packetsOf(size);
        for (const { name, worker, channel } of floods) {
          rings[0]?.loops.pin(processors.consumer);
          worker.postMessage({ bytes: size, packets, batch: batchOf(size) });
          const ns = await receive(channel, packets);
          rings[0]?.loops.pin(-1);
          if (round >= 0) samples.add(name, size, ns);
        }
        for (const { label, loops } of rings) {
          const ns = loops.transfer(size, packets, processors.producer, processors.consumer);
          if (round >= 0) samples.add(`two threads: ${label}`, size, ns);
        }
      }
    }
  } finally {
    await Promise.all(floods.map(close));
  }
  if (sink === 1) console.error(sink);
  return [...samples.rows(), ...missing.map(({ name, note }) => ({ name: `two threads: ${name}`, note }))];
}
