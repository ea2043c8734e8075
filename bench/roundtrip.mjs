// SPDX-License-Identifier: MIT
//
// Round trips of 64 bytes to the echo device of a simulated host in another process, one packet outstanding: from JavaScript,
// and from a C++ program over the same node. One after the other in each round: a node is held by one process at a time.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startHostProcess } from '../dist/host/index.js';
import { openBus, openChannel } from '../dist/index.js';
import { coreSources, nativeBuild } from './ring-loops.mjs';
import { Samples } from './samples.mjs';
import { quantile } from './statistics.mjs';

const execute = promisify(execFile);
const count = 3000;
const busyUs = 200;

/** What the client is linked from: what opens a node and works on its channel. */
const osSources = [
  ...['channel', 'descriptor_message', 'doorbell', 'lease', 'map_offset', 'mapping', 'node_path', 'node_signal'],
  ...['offered_channels', 'sealed_memory', 'sigbus_guard', 'simulated_node', 'uio_device'],
];

function buildClient() {
  const os = osSources.map((name) => `native/os/${name}.cc`);
  return nativeBuild.executable({
    name: 'echo_client',
    sources: ['native/bench/echo_client.cc', ...coreSources, ...os],
    flags: ['-O3'],
  });
}

const byIteration = (channel) => {
  const packets = channel[Symbol.asyncIterator]();
  return { trip: () => packets.next(), end: () => packets.return?.() };
};

const byVisitor = (channel) => {
  let seen = 0;
  const visit = () => {
    seen += 1;
  };
  return {
    async trip() {
      const target = seen + 1;
      while (channel.drain(visit) === 0 && seen < target) await channel.readable();
    },
    end() {},
  };
};

const ways = [
  { name: 'round trip: for await (packet)', receive: byIteration, options: {} },
  { name: 'round trip: drain(visitor)', receive: byVisitor, options: {} },
  { name: `round trip: drain(visitor), busyPollUs ${busyUs}`, receive: byVisitor, options: { busyPollUs: busyUs } },
];

async function fromScript(device, { receive, options }) {
  const channel = await openChannel(device, options);
  const payload = new Uint8Array(64);
  const micros = [];
  const { trip, end } = receive(channel);
  const started = process.hrtime.bigint();
  for (let i = 0; i < count; i++) {
    const start = process.hrtime.bigint();
    channel.trySend(payload);
    await trip();
    micros.push(Number(process.hrtime.bigint() - start) / 1000);
  }
  const rate = count / (Number(process.hrtime.bigint() - started) / 1e9);
  await end();
  await channel.close();
  return { p50: quantile(micros, 0.5), p90: quantile(micros, 0.9), p99: quantile(micros, 0.99), rate };
}

async function fromProgram(device, client, busy) {
  const { stdout } = await execute(client, [device.uio.node, String(device.relid), String(count), String(busy)]);
  return JSON.parse(stdout);
}

/** Rows of times in microseconds, and round trips per second. */
export async function roundTripRows({ rounds }) {
  const client = await buildClient();
  const host = await startHostProcess({ devices: [{ name: 'echo' }], bound: true });
  const bus = openBus({ root: host.root });
  const samples = new Samples('µs; rate per second', 'values');
  const add = (name, figures) => {
    for (const [key, figure] of Object.entries(figures)) samples.add(name, key, figure);
  };
  try {
    const device = bus.device('echo');
    for (let round = -1; round < rounds; round++) {
      for (const way of ways) {
        const figures = await fromScript(device, way);
        if (round >= 0) add(way.name, figures);
      }
      for (const [name, busy] of Object.entries({ 'C++ program': 0, [`C++ program, busy for ${busyUs} µs`]: busyUs })) {
        const figures = await fromProgram(device, client, busy);
        if (round >= 0) add(`round trip: ${name}`, figures);
      }
    }
  } finally {
    await bus.close();
    await host.stop();
  }
  return samples.rows();
}
