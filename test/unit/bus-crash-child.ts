// SPDX-License-Identifier: MIT
//
// A process that binds a device and then ends in the way it is told to. Run by bus-crash.test.ts as a child.

import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { bindDevice, openBus } from '../../dist/bus/index.js';

const [root = '', how = '', rollback = ''] = process.argv.slice(2);
if (how === 'worker') {
  const worker = new Worker(fileURLToPath(import.meta.url), { argv: [root, 'wait'], stdout: true });
  await once(worker.stdout, 'data');
  writeSync(1, 'bound\n');
  process.exit(5);
}
if (how === 'graceful') {
  process.once('SIGTERM', () => setTimeout(() => process.exit(3), 20));
}
const device = openBus({ root }).device('balloon');
await bindDevice(device, {
  persist: how === 'persist',
  ...(rollback === '' ? {} : { rollbackAfterMs: Number(rollback) }),
});
process.stdout.write('bound\n');
if (how === 'exit') process.exit(7);
if (how === 'throw') throw new Error('on purpose');
// Stuck, but not for ever: its test may be killed before it can kill this.
if (how === 'stuck') for (const end = Date.now() + 120_000; Date.now() < end; );
// Ends here with nothing left to do; the others wait for their signal.
if (how !== 'return' && how !== 'persist') setInterval(() => {}, 1000);
