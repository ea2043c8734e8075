// SPDX-License-Identifier: MIT
//
// A storage device that is withdrawn while the guest reads: Linux's driver loses what it is asked for between hearing of that and
// closing its queues, and then hangs. While it waits for an answer it is asked for nothing.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { memoryDisk, scsi } from '../../dist/host/index.js';
import { StorageGuest } from './support/scripted-storage-guest.js';

const read = { kind: 'read', form: 10, lba: 0n, blocks: 8, forceUnitAccess: false } as const;
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

it('answers a reader of a withdrawn device only when its guest has had time to close its queues', async (t) => {
  const guest = await StorageGuest.ready(scsi({ disks: [memoryDisk({ sizeBytes: 2 ** 20 })] }));
  t.mock.timers.enable({ apis: ['setTimeout'] });
  await guest.channel.drain();
  const id = guest.say(guest.packetOf({ command: read, in: 4096 }).packet);
  await turns(20);
  t.mock.timers.tick(4999);
  await turns(20);
  assert.deepEqual(guest.channel.take(), []);

  t.mock.timers.tick(1);
  assert.equal((await guest.answerTo(id)).transactionId, id);
  const next = guest.say(guest.packetOf({ command: read, in: 4096 }).packet);
  assert.equal((await guest.answerTo(next)).transactionId, next);
  guest.channel.close();
});
