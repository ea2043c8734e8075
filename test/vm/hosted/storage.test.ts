// SPDX-License-Identifier: MIT
//
// The kernel's own hv_storvsc on our host: an IDE disk, disks that come and go on a SCSI controller, and one that fails.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';

import { faultyDisk, ide, memoryDisk, scsi } from '../../../dist/host/index.js';
import { assertContent, bootWorld, endWorld, type HostWorld, isFullSize, printMebibytes } from './host-world.js';
import { HeldDisk } from './support/held-disk.js';

const mebibyte = 1024 * 1024;
const writtenMebibytes = isFullSize ? 512 : 16;
const ideMebibytes = writtenMebibytes + 80;

const ideDisk = memoryDisk({ sizeBytes: ideMebibytes * mebibyte });
const accelerated = ide({ disk: ideDisk });
const failing = faultyDisk(memoryDisk({ sizeBytes: 8 * mebibyte }));
const held = new HeldDisk(failing);
const controller = scsi({ disks: [held], subchannels: 1 });

let world: HostWorld;
before(async () => {
  world = await bootWorld({
    devices: [accelerated, controller],
    modules: ['hv_storvsc', 'sd_mod', 'ext4'],
  });
});
after(async () => endWorld(world));

const sh = async (command: string): Promise<string> => (await world.machine.must(command)).trim();

/** Name of the disk of so many mebibytes, waited for. */
const diskOf = (mebibytes: number): Promise<string> =>
  sh(
    `until grep -lx ${mebibytes * 2048} /sys/class/block/sd?/size 2> /dev/null; do sleep 0.1; done | head -1 | cut -d/ -f5`,
  );

describe('an IDE disk', () => {
  it('makes a file system, reads back what it wrote, and is without a fault', async () => {
    const disk = `/dev/${await diskOf(ideMebibytes)}`;
    await sh(`mkfs.ext4 -q ${disk} && mkdir -p /mnt && mount ${disk} /mnt`);
    await sh(`${printMebibytes(writtenMebibytes)} > /mnt/file && sync`);
    const written = await sh('sha256sum < /mnt/file');
    await sh('echo 3 > /proc/sys/vm/drop_caches');
    assert.equal(await sh('sha256sum < /mnt/file'), written);
    await sh(`umount /mnt && e2fsck -fn ${disk}`);
    assert.ok(ideDisk.usedBytes >= writtenMebibytes * mebibyte);
  });
});

describe('a SCSI controller', () => {
  it('adds a disk that the kernel sees, and takes it away again', async () => {
    const lun = controller.add(memoryDisk({ sizeBytes: 24 * mebibyte }));
    const disk = await diskOf(24);
    await sh(`dd if=/dev/urandom of=/dev/${disk} bs=1M count=1 && sync`);
    await controller.remove(lun);
    await sh(`while [ -e /sys/class/block/${disk} ]; do sleep 0.1; done`);
    assert.deepEqual(controller.luns, [0]);
  });

  it('fails in one place with EIO, and nothing hangs', async () => {
    const disk = `/dev/${await diskOf(8)}`;
    failing.damage({ firstBlock: 8, blocks: 8, on: 'read' });
    await sh('echo 3 > /proc/sys/vm/drop_caches');
    const bad = await world.machine.run(`dd if=${disk} of=/dev/null bs=4096 skip=1 count=1`);
    assert.notEqual(bad.status, 0);
    assert.match(bad.stderr, /I\/O error|Input\/output error/);
    await sh(`dd if=${disk} of=/dev/null bs=4096 skip=2 count=1 iflag=direct`);
    failing.heal();
    await sh(`dd if=${disk} of=/dev/null bs=4096 skip=1 count=1 iflag=direct`);
  });
});

describe('a controller that the host takes away', () => {
  it('ends what reads from it, and the other disk goes on', async () => {
    // In the middle of reading: what hv_storvsc waits for when it hears of it, it waits for without an end.
    const disk = `/dev/${await diskOf(8)}`;
    const reader = world.machine.start(`echo begun; while dd if=${disk} of=/dev/null bs=4096 iflag=direct; do :; done`);
    await once(reader.stdout, 'data');
    await held.hold(1, 4 * mebibyte, 5 * mebibyte);
    world.host.rescind('scsi');
    await held.release();
    await reader.ended;
    await sh(`while [ -e /sys/class/block/${disk.slice(5)} ]; do sleep 0.1; done`);
    await sh(`dd if=/dev/${await diskOf(ideMebibytes)} of=/dev/null bs=4096 count=1 iflag=direct`);
  });
});

describe('the whole machine', () => {
  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});
