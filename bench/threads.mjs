// SPDX-License-Identifier: MIT
//
// Two threads on different processors: a producer as fast as it goes, and a consumer that drains. Ours: a simulated host in a
// worker thread and drain(visitor) here; the others: the same with both ends in C.
import { openFlood } from './flood.mjs';
import { twoProcessors } from './processors.mjs';
import { batchBytes, batchOf, ringLoops } from './ring-loops.mjs';
import { Samples } from './samples.mjs';
import { useSums, visit } from './visitor.mjs';

const sizes = [64, 1024, 4096, 16384];
/** Many rings full: what lies in the ring when the first packet is seen was sent before the time counts. */
const packetsOf = (size) => Math.floor((64 << 20) / (size + 24));

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
    'two threads: drain(visitor)': { arenaBytes },
    'two threads: drain(visitor), busy polling': { arenaBytes, busyPollUs: 200 },
  };
  const opened = [];
  for (const [name, options] of Object.entries(ways)) {
    opened.push({ name, flood: await openFlood(cpu, options) });
  }
  return opened;
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
        for (const { name, flood } of floods) {
          rings[0]?.loops.pin(processors.consumer);
          flood.order(size, packets, batchOf(size));
          const ns = await receive(flood.channel, packets);
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
    await Promise.all(floods.map(({ flood }) => flood[Symbol.asyncDispose]()));
  }
  useSums();
  return [...samples.rows(), ...missing.map(({ name, note }) => ({ name: `two threads: ${name}`, note }))];
}
