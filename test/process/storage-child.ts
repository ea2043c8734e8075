// SPDX-License-Identifier: MIT
//
// A script that reads a disk without an end, to be killed. Run by storage-keeper.test.ts: node storage-child.js ROOT

import { openBus } from '../../dist/bus/index.js';
import { openStorage } from '../../dist/devices/storvsc.js';

const [root = ''] = process.argv.slice(2);
const storage = await openStorage(openBus({ root }).device('scsi'), { queueDepth: 4 });
for (let i = 0; ; i += 1) {
  await storage.disk().read(0, 4 * 2 ** 20);
  if (i === 2) process.stdout.write(`reading, kept by ${storage.inspect().memory.keeperPid}\n`);
}
