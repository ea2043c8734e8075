// SPDX-License-Identifier: MIT
//
// A storage device that is withdrawn while the guest reads. From the moment in which Linux hears of it it looks at no answer and
// loses what it is asked for, and hangs: so first the disks go, and then, when nothing is asked for any more, the device.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Disk, memoryDisk, scsi } from '../../dist/host/index.js';
import { SrbStatus } from '../../dist/protocol/storvsc.js';
import { StorageGuest } from './support/scripted-storage-guest.js';

const read = { kind: 'read', form: 10, lba: 0n, blocks: 8, forceUnitAccess: false } as const;
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

it('is gone for its reader first, and withdrawn when that asks for nothing any more', async (t) => {
  const guest = await StorageGuest.ready(scsi({ disks: [memoryDisk({ sizeBytes: 2 ** 20 })] }));
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let isDrained = false;
  const drained = guest.channel.drain().then(() => {
    isDrained = true;
  });

  for (let i = 0; i < 3; i += 1) {
    t.mock.timers.tick(499);
    await turns(20);
    assert.equal(isDrained, false);
    assert.equal((await guest.run({ command: read, in: 4096 })).srbStatus, SrbStatus.invalidLun);
  }
  t.mock.timers.tick(500);
  await drained;
  guest.channel.close();
});

it('is not withdrawn while a slow disk owes an answer', async (t) => {
  const plain = memoryDisk({ sizeBytes: 2 ** 20 });
  let finish = (): void => undefined;
  const slow: Disk = {
    ...{ sizeBytes: plain.sizeBytes, blockBytes: plain.blockBytes, readonly: false },
    read: async (offset, length) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return plain.read(offset, length);
    },
    write: (offset, bytes) => plain.write(offset, bytes),
    flush: () => plain.flush(),
    unmap: (offset, length) => plain.unmap(offset, length),
  };
  const guest = await StorageGuest.ready(scsi({ disks: [slow] }));
  const id = guest.say(guest.packetOf({ command: read, in: 4096 }).packet);
  await turns(20);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let isDrained = false;
  const drained = guest.channel.drain().then(() => {
    isDrained = true;
  });

  t.mock.timers.tick(1200);
  await turns(20);
  assert.equal(isDrained, false);
  finish();
  assert.equal((await guest.answerTo(id)).transactionId, id);
  t.mock.timers.tick(500);
  await drained;
  guest.channel.close();
});

it('does not wait for a guest that closes the channel', async () => {
  const guest = await StorageGuest.ready(scsi({ disks: [memoryDisk({ sizeBytes: 2 ** 20 })] }));
  const drained = guest.channel.drain();
  guest.channel.close();
  await drained;
});
