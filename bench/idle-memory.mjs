// SPDX-License-Identifier: MIT
//
// Prints the bytes of private memory that one more open and idle channel takes. The host and its rings are in another process;
// rings are shared memory and not counted. Needs --expose-gc.
import { readFileSync } from 'node:fs';
import { startHostProcess } from '../dist/host/index.js';
import { openBus, openChannel } from '../dist/index.js';

const before = 8;
const after = 64;

function privateBytes() {
  global.gc();
  const [, kib] = /^RssAnon:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(kib) * 1024;
}

const devices = Array.from({ length: after }, (_, i) => ({
  name: 'echo',
  options: { name: `echo${i}`, ringBytes: 65_536 },
}));
const host = await startHostProcess({ devices, bound: true });
const bus = openBus({ root: host.root });
const channels = [];
const found = bus.devices();
for (const device of found.slice(0, before)) channels.push(await openChannel(device));
const first = privateBytes();
for (const device of found.slice(before)) channels.push(await openChannel(device));
const last = privateBytes();
console.log(Math.round((last - first) / (found.length - before)));
for (const channel of channels) await channel.close();
await bus.close();
await host.stop();
