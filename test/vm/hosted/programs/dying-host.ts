// SPDX-License-Identifier: MIT
// A host in a process of its own, to be killed: serves a heartbeat on the stream that is its descriptor 3, and says when the
// guest has answered. Started by restart.test.ts.
import net from 'node:net';
import process from 'node:process';
import { heartbeat, QemuHost } from '../../../../dist/host/index.js';

const beat = heartbeat();
const [memoryFile] = process.argv.slice(2);
await QemuHost.start({
  devices: [beat],
  stream: new net.Socket({ fd: 3 }),
  ...(memoryFile === undefined ? {} : { memoryFile }),
});
await beat.ready();
process.stdout.write('ready\n');
