// SPDX-License-Identifier: MIT
//
// A disk in memory behind a simulated host in another process: reads of 4 KiB anywhere and of 256 KiB in order, one and 32 at a
// time, next to requests of the same depth to an echo device of the same host, which move no data.

import { randomInt } from 'node:crypto';
import { startHostProcess } from '../dist/host/index.js';
import { openBus, openChannel, openStorage } from '../dist/index.js';
import { median } from './statistics.mjs';

const kib = 1024;
const diskBytes = 64 * kib * kib;
const ways = [
  { name: '4 KiB random', size: 4 * kib, count: 4000, place: (_i, places) => randomInt(places) },
  { name: '256 KiB sequential', size: 256 * kib, count: 500, place: (i, places) => i % places },
];
const depths = [1, 32];

/** Runs `count` tasks, `depth` at a time; answers how many a second. */
async function rate(count, depth, task) {
  let next = 0;
  const work = async () => {
    while (next < count) await task(next++);
  };
  const start = process.hrtime.bigint();
  await Promise.all(Array.from({ length: depth }, work));
  return count / (Number(process.hrtime.bigint() - start) / 1e9);
}

/** A row a way and depth. */
export async function storageRows({ rounds }) {
  const host = await startHostProcess({
    devices: ['echo', `scsi:sizeMegabytes=${diskBytes / kib / kib}`],
    bound: true,
  });
  const bus = openBus({ root: host.root });
  const rows = new Map();
  const add = (name, unit, key, value) => {
    const row = rows.get(name) ?? { name, unit, values: {} };
    rows.set(name, row);
    row.values[key] ??= [];
    row.values[key].push(value);
  };
  const channel = await openChannel(bus.device('echo'));
  const storage = await openStorage(bus.device('scsi'), { queueDepth: 32 });
  try {
    const disk = storage.disk();
    const payload = new Uint8Array(64);
    for (let round = -1; round < rounds; round += 1)
      for (const depth of depths) {
        const echo = await rate(4000, depth, () => channel.request(payload));
        if (round >= 0) add(`raw requests to echo, ${depth} at a time`, '(per second)', 'requests/s', echo);
        for (const { name, size, count, place } of ways) {
          const target = Array.from({ length: depth }, () => new Uint8Array(size));
          const places = diskBytes / size;
          const iops = await rate(count, depth, (i) => disk.read(place(i, places) * size, target[i % depth]));
          if (round < 0) continue;
          add(`storage: ${name}, ${depth} at a time`, '(per second)', 'reads/s', iops);
          add(`storage: ${name}, ${depth} at a time`, '(per second)', 'MiB/s', (iops * size) / kib / kib);
        }
      }
  } finally {
    await storage.close();
    await channel.close();
    await bus.close();
    await host.stop();
  }
  const medians = (values) => Object.fromEntries(Object.entries(values).map(([key, list]) => [key, median(list)]));
  return [...rows.values()].map((row) => ({ ...row, values: medians(row.values) }));
}
