// SPDX-License-Identifier: MIT
//
// Many channels: what idle ones cost the busy one, what 64 busy ones move together, and what an idle one holds of memory.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { Samples } from './samples.mjs';
import { useSums, visit } from './visitor.mjs';
import { openWorlds } from './world.mjs';

const ringBytes = 64 * 1024;
const size = 64;
/** Packets in one ring at a time, and how often they are sent for one figure. */
const packets = 512;
const turns = 256;

/** The host sends to these channels outside the timed part; then all of it is received, wakes included. */
async function receive(ends) {
  const many = new Array(packets).fill(new Uint8Array(size).fill(7));
  const repeats = Math.ceil(turns / ends.length);
  let nanoseconds = 0n;
  for (let turn = 0; turn < repeats; turn++) {
    for (const { host } of ends) if (host.sendMany(many) !== packets) throw new Error('the ring filled too early');
    const start = process.hrtime.bigint();
    for (const { channel } of ends) {
      for (let seen = 0; seen < packets; ) {
        seen += channel.drain(visit);
        if (seen < packets) await channel.readable();
      }
      // The wait for what comes next is part of the work.
      channel.drain(visit);
    }
    nanoseconds += process.hrtime.bigint() - start;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return Number(nanoseconds) / (packets * ends.length * repeats);
}

/** Once before, so that the pages of the rings are there. */
async function receiveAgain(ends) {
  await receive(ends);
  return receive(ends);
}

/** Private memory of a process with so many open channels, in bytes each. */
function idleBytes() {
  const program = path.join(import.meta.dirname, 'idle-memory.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', program], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`idle-memory.mjs failed: ${stderr}`);
  return Number(stdout);
}

/** Rows of ns per packet of 64 bytes, and of bytes per idle channel. */
export async function channelRows({ rounds }) {
  const samples = new Samples();
  const memory = new Samples('bytes', 'values');
  for (let round = -1; round < rounds; round++) {
    const add = (name, ns) => round >= 0 && samples.add(name, size, ns);
    for (const open of [1, 8, 64]) {
      const worlds = await openWorlds({ devices: open, ringBytes });
      try {
        add(`channels: ${open} open, one busy`, await receiveAgain(worlds.ends.slice(0, 1)));
        if (open === 64) add('channels: 64 open, all busy', await receiveAgain(worlds.ends));
      } finally {
        await worlds[Symbol.asyncDispose]();
      }
    }
  }
  for (let round = 0; round < Math.min(3, rounds); round++)
    memory.add('channels: an idle one beyond its ring', 'memory', idleBytes());
  useSums();
  return [...samples.rows(), ...memory.rows()];
}
