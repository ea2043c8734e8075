// SPDX-License-Identifier: MIT
//
// Round trips of 64 bytes against the echo device of a simulated host in another process, one packet outstanding.

import { startHostProcess } from '../dist/host/index.js';
import { openBus, openChannel } from '../dist/index.js';
import { median } from './statistics.mjs';

const count = 5000;

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];

async function once(channel) {
  const payload = new Uint8Array(64);
  const micros = [];
  const packets = channel[Symbol.asyncIterator]();
  const started = process.hrtime.bigint();
  for (let i = 0; i < count; i++) {
    const start = process.hrtime.bigint();
    channel.trySend(payload);
    await packets.next();
    micros.push(Number(process.hrtime.bigint() - start) / 1000);
  }
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  await packets.return?.();
  micros.sort((a, b) => a - b);
  return { rate: count / seconds, p50: quantile(micros, 0.5), p90: quantile(micros, 0.9), p99: quantile(micros, 0.99) };
}

/** One row of figures. */
export async function roundTripRows({ rounds }) {
  const host = await startHostProcess({ devices: [{ name: 'echo' }], bound: true });
  const bus = openBus({ root: host.root });
  let channel;
  try {
    channel = await openChannel(bus.device('echo'));
    await once(channel);
    const all = [];
    for (let i = 0; i < rounds; i++) all.push(await once(channel));
    const figure = (key) => median(all.map((r) => r[key]));
    return [
      {
        name: 'round trip: echo in another process',
        unit: '(per second; µs)',
        values: { 'trips/s': figure('rate'), p50: figure('p50'), p90: figure('p90'), p99: figure('p99') },
      },
    ];
  } finally {
    await channel?.close();
    await bus.close();
    await host.stop();
  }
}
