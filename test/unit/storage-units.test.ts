// SPDX-License-Identifier: MIT
//
// What units of a storage device say of themselves, what addresses without one say, and units that come, go and change.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memoryDisk, scsi } from '../../dist/host/index.js';
import { decodeCapacity10, decodeCapacity16 } from '../../dist/protocol/scsi/capacity.js';
import type { ScsiCommand } from '../../dist/protocol/scsi/commands.js';
import { decodeInquiry } from '../../dist/protocol/scsi/inquiry.js';
import { decodeLuns } from '../../dist/protocol/scsi/lists.js';
import { decodeModeSense } from '../../dist/protocol/scsi/mode-sense.js';
import {
  decodeBlockLimits,
  decodeDesignators,
  decodeProvisioning,
  decodeSerial,
  decodeVpdPage,
} from '../../dist/protocol/scsi/vpd.js';
import { decodeVstorNotice } from '../../dist/protocol/storvsc.js';
import { StorageGuest } from './support/scripted-storage-guest.js';

const megabyte = 2 ** 20;
const ready = { kind: 'testUnitReady' } as const;
type ReportLuns = Extract<ScsiCommand, { kind: 'reportLuns' }>;
const reportLuns: ReportLuns = { kind: 'reportLuns', select: 0, allocationBytes: 4096 };
const inquiry = { kind: 'inquiry', page: null, allocationBytes: 36 } as const;

function capacity(form: 10 | 16): { kind: 'readCapacity'; form: 10 | 16; allocationBytes: number } {
  return { kind: 'readCapacity', form, allocationBytes: form === 10 ? 8 : 32 };
}

describe('a unit', () => {
  it('is a virtual disk that says how large it is', async () => {
    const guest = await StorageGuest.ready(scsi({ disks: [memoryDisk({ sizeBytes: 3 * 2 ** 40, blockBytes: 4096 })] }));

    const data = decodeInquiry((await guest.run(inquiry)).data);
    assert.deepEqual([data?.isPresent, data?.vendor, data?.product], [true, 'Msft', 'Virtual Disk']);
    const blocks = 3n * 2n ** 28n;
    assert.deepEqual(decodeCapacity10((await guest.run(capacity(10))).data), { blocks, blockBytes: 4096 });
    assert.deepEqual(decodeCapacity16((await guest.run(capacity(16))).data), {
      blocks,
      blockBytes: 4096,
      physicalExponent: 0,
      isThin: true,
      readsZeroes: true,
    });
  });

  it('has pages of vital product data, a serial number among them', async () => {
    const disk = memoryDisk({ sizeBytes: megabyte });
    const guest = await StorageGuest.ready(scsi({ disks: [disk, { disk, serial: 'ABC-1' }] }));
    const page = async (code: number, lun = 0): Promise<Uint8Array> =>
      (await guest.run({ command: { kind: 'inquiry', page: code, allocationBytes: 252 }, in: 252, lun })).data;

    assert.deepEqual(decodeVpdPage(await page(0), 0), Uint8Array.of(0, 0x80, 0x83, 0xb0, 0xb1, 0xb2));
    assert.equal(decodeSerial(await page(0x80, 1)), 'ABC-1');
    assert.match(decodeSerial(await page(0x80)) ?? '', /^[0-9a-f]{32}$/);
    const [text, name] = decodeDesignators(await page(0x83, 1)) ?? [];
    assert.equal(Buffer.from(text?.bytes ?? []).toString(), 'Msft    ABC-1');
    assert.match(Buffer.from(name?.bytes ?? []).toString('hex'), /^6002248[0-9a-f]{25}$/);
    assert.notDeepEqual(await page(0x83), await page(0x83, 1));
    assert.equal(decodeBlockLimits(await page(0xb0))?.maxTransferBlocks, 512);
    assert.equal(decodeVpdPage(await page(0xb1), 0xb1)?.[1], 1);
    assert.equal(decodeProvisioning(await page(0xb2))?.unmap, true);
    const unknown = await guest.run({ kind: 'inquiry', page: 0x90, allocationBytes: 252 });
    assert.deepEqual([unknown.sense, unknown.bytes], ['5/24/0', 0]);
  });

  it('says as much as there is room for', async () => {
    const guest = await StorageGuest.ready(scsi({ disks: [memoryDisk({ sizeBytes: megabyte })] }));
    const short = await guest.run({ command: inquiry, in: 5 });
    const wide = await guest.run({ command: { ...inquiry, allocationBytes: 255 }, in: 255 });
    const none = await guest.run({ command: inquiry });

    assert.deepEqual(
      [short, wide, none].map(({ bytes, srbStatus }) => [bytes, srbStatus]),
      [
        [5, 1],
        [36, 1],
        [0, 1],
      ],
    );
  });

  it('says how it is set', async () => {
    const disk = memoryDisk({ sizeBytes: megabyte });
    const guest = await StorageGuest.ready(
      scsi({ disks: [disk, memoryDisk({ sizeBytes: megabyte, readonly: true })] }),
    );
    for (const form of [6, 10] as const) {
      const command = { kind: 'modeSense', form, page: 0x3f, subpage: 0, control: 0, allocationBytes: 192 } as const;
      const mode = { isWriteProtected: false, forcesUnitAccess: true, hasWriteCache: true };
      assert.deepEqual(decodeModeSense(form, (await guest.run(command)).data), mode);
      const other = await guest.run({ command, in: 192, lun: 1 });
      assert.deepEqual(decodeModeSense(form, other.data), { ...mode, isWriteProtected: true });
      assert.equal((await guest.run({ ...command, page: 0x1c })).sense, '5/24/0');
      assert.equal((await guest.run({ ...command, control: 3 })).sense, '5/39/0');
    }
  });

  it('starts, stops, and has nothing to say for itself', async () => {
    const guest = await StorageGuest.ready(scsi({ disks: [memoryDisk({ sizeBytes: megabyte })] }));

    assert.equal((await guest.run({ kind: 'startStopUnit', start: false, eject: false })).srbStatus, 1);
    assert.equal((await guest.run({ kind: 'startStopUnit', start: false, eject: true })).sense, '5/24/0');
    const sense = await guest.run({ kind: 'requestSense', allocationBytes: 18 });
    assert.equal(Buffer.from(sense.data).toString('hex'), `70${'00'.repeat(6)}0a${'00'.repeat(10)}`);
  });

  it('refuses what it does not know with sense, which the guest may not want', async () => {
    const guest = await StorageGuest.ready(scsi({ disks: [memoryDisk({ sizeBytes: megabyte })] }));
    const cdb = Uint8Array.of(0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    const told = await guest.run({ cdb });
    const untold = await guest.run({ cdb, flags: 0x20 });

    assert.deepEqual([told.srbStatus, told.scsiStatus, told.sense, told.ntStatus], [4, 2, '5/20/0', 0xc000_0185]);
    assert.deepEqual([untold.srbStatus, untold.scsiStatus, untold.sense], [4, 2, '']);
  });
});

describe('an address without a unit', () => {
  it('says so in the data of INQUIRY, everywhere', async () => {
    const guest = await StorageGuest.ready(scsi({ disks: [{ sizeMegabytes: 1, lun: 3 }] }));
    for (const place of [{ lun: 0 }, { lun: 4 }, { path: 1, lun: 3 }, { target: 1, lun: 3 }]) {
      const end = await guest.run({ command: inquiry, in: 36, ...place });
      assert.deepEqual([end.srbStatus, end.bytes, end.data[0]], [1, 36, 0x7f], JSON.stringify(place));
      const page = { ...inquiry, page: 0x83 };
      assert.equal((await guest.run({ command: page, in: 36, ...place })).sense, '5/24/0');
    }
  });

  it('lists the units of its target, also where there are none', async () => {
    const guest = await StorageGuest.ready(scsi({ disks: [{ sizeMegabytes: 1, lun: 63 }, { sizeMegabytes: 1 }] }));
    const luns = async (place: object, command: ReportLuns = reportLuns): Promise<number[]> =>
      decodeLuns((await guest.run({ command, in: command.allocationBytes, ...place })).data);

    assert.deepEqual(await luns({}), [0, 63]);
    assert.deepEqual(await luns({ lun: 9 }), [0, 63]);
    assert.deepEqual(await luns({ path: 1 }), []);
    assert.deepEqual(await luns({ target: 1 }), []);
    assert.deepEqual(await luns({}, { ...reportLuns, allocationBytes: 16 }), [0], 'what fits');
    assert.equal((await guest.run({ ...reportLuns, allocationBytes: 7 })).bytes, 0);
    assert.equal((await guest.run({ ...reportLuns, select: 3 })).sense, '5/24/0');
  });

  it('is no such LUN on the first path alone: Linux would remove the unit of the same number there', async () => {
    const guest = await StorageGuest.ready(scsi({ disks: [{ sizeMegabytes: 1 }] }));
    const home = await guest.run({ command: ready, lun: 1 });
    const unknown = await guest.run({ cdb: Uint8Array.of(0xa3, ...new Uint8Array(11)), lun: 1 });
    const elsewhere = await guest.run({ command: ready, path: 1 });

    assert.deepEqual([home.srbStatus, home.scsiStatus, home.ntStatus, home.sense], [0x20, 2, 0xc000_00c0, '']);
    assert.equal(unknown.srbStatus, 0x20);
    assert.deepEqual([elsewhere.srbStatus, elsewhere.scsiStatus, elsewhere.sense], [4, 2, '5/25/0']);
  });
});

describe('units that come and go', () => {
  const notices = (guest: StorageGuest): string[] =>
    [...guest.unasked.splice(0), ...guest.channel.take()].map((packet) => {
      assert.deepEqual([packet.type, packet.flags, packet.transactionId], [6, 0, 0n]);
      return decodeVstorNotice(packet.payload);
    });

  it('are told to a guest that is ready', async () => {
    const controller = scsi({ disks: [] });
    const guest = new StorageGuest(controller);
    controller.add({ sizeMegabytes: 1 });
    await guest.initialise();
    assert.deepEqual(notices(guest), [], 'it looks anyway');

    assert.equal(controller.add({ sizeMegabytes: 1, lun: 5 }), 5);
    assert.deepEqual(notices(guest), ['enumerateBus']);
    assert.equal((await guest.run({ command: ready, lun: 5 })).srbStatus, 1);
    await controller.remove(0, 'removeDevice');
    assert.deepEqual(notices(guest), ['removeDevice']);
    assert.deepEqual(decodeLuns((await guest.run(reportLuns)).data), [5]);
    assert.equal((await guest.run(ready)).srbStatus, 0x20);
    await controller.remove(5, 'nothing');
    controller.rescan();
    assert.deepEqual(notices(guest), ['enumerateBus']);
  });

  it('are told once for many, when there is room again', async () => {
    const controller = scsi({ disks: [] });
    const guest = await StorageGuest.ready(controller);
    guest.channel.room = 0;

    for (let i = 0; i < 5; i += 1) controller.add({ sizeMegabytes: 1 });
    assert.deepEqual(notices(guest), []);
    guest.channel.free();

    assert.deepEqual(notices(guest), ['enumerateBus']);
    assert.deepEqual(controller.luns, [0, 1, 2, 3, 4]);
  });

  it('are not told in a version that does not know it', async () => {
    const controller = scsi({ disks: [] });
    const guest = new StorageGuest(controller);
    await guest.initialise(0x0200);

    controller.add({ sizeMegabytes: 1 });

    assert.deepEqual(notices(guest), []);
  });

  it('finish what was begun', async () => {
    const disk = memoryDisk({ sizeBytes: megabyte });
    const controller = scsi({ disks: [disk] });
    const guest = await StorageGuest.ready(controller);
    let begun = (): void => undefined;
    let goOn = (): void => undefined;
    const isBegun = new Promise<void>((resolve) => (begun = resolve));
    guest.memory.before = () => {
      begun();
      return new Promise((resolve) => (goOn = resolve));
    };

    const writing = guest.write(0, Buffer.alloc(512, 1));
    await isBegun;
    await controller.remove(0);
    goOn();

    assert.equal((await writing).srbStatus, 1);
    assert.equal((await disk.read(0, 1))[0], 1);
  });

  it('need an address of their own', async () => {
    const controller = scsi({ disks: [{ sizeMegabytes: 1 }] });
    assert.throws(() => controller.add({ sizeMegabytes: 1, lun: 0 }), { code: 'ERR_VMBUS_IN_USE' });
    assert.throws(() => controller.add({ sizeMegabytes: 1, lun: 256 }), { code: 'ERR_OUT_OF_RANGE' });
    await assert.rejects(controller.remove(1), { code: 'ERR_OUT_OF_RANGE' });
    await assert.rejects(controller.remove(0, 'nobody' as 'nothing'), { code: 'ERR_INVALID_ARG_VALUE' });
  });
});

describe('a unit that changes', () => {
  it('tells its new size with the next command, once', async () => {
    const disk = memoryDisk({ sizeBytes: megabyte });
    const controller = scsi({ disks: [disk] });
    const guest = await StorageGuest.ready(controller);

    await controller.resize(0, 2 * megabyte);
    await controller.resize(0, 3 * megabyte);

    assert.equal((await guest.run(inquiry)).srbStatus, 1, 'INQUIRY does not tell');
    assert.equal((await guest.run(ready)).sense, '6/2a/9');
    assert.equal((await guest.run(ready)).srbStatus, 1);
    assert.equal(decodeCapacity10((await guest.run(capacity(10))).data)?.blocks, 3n * 2048n);
  });

  it('tells what the script says', async () => {
    const controller = scsi({ disks: [memoryDisk({ sizeBytes: megabyte })] });
    const guest = await StorageGuest.ready(controller);

    controller.raiseAttention(0, 'lunsChanged');
    controller.raiseAttention(0, 'inquiryChanged');

    const sense = await guest.run({ kind: 'requestSense', allocationBytes: 18 });
    assert.deepEqual([sense.data[2], sense.data[12], sense.data[13]], [6, 0x3f, 0x0e]);
    assert.equal((await guest.read(0, 1)).sense, '6/3f/3');
    assert.equal((await guest.read(0, 1)).srbStatus, 1);
    assert.throws(() => controller.raiseAttention(1, 'lunsChanged'), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => controller.raiseAttention(0, 'notReady' as 'lunsChanged'), { code: 'ERR_INVALID_ARG_VALUE' });
  });

  it('says nothing to a guest that is yet to come, and is resized without one', async () => {
    const disk = memoryDisk({ sizeBytes: megabyte });
    const controller = scsi({ disks: [disk] });
    await controller.resize(0, 2 * megabyte);

    const guest = await StorageGuest.ready(controller);

    assert.equal((await guest.run(ready)).srbStatus, 1);
    assert.equal(disk.sizeBytes, 2 * megabyte);
    const fixed = { ...disk, sizeBytes: megabyte, blockBytes: 512, readonly: false } as const;
    const { read, write, flush, unmap } = disk;
    const other = scsi({ disks: [{ ...fixed, read, write, flush, unmap }] });
    await assert.rejects(other.resize(0, megabyte), { code: 'ERR_VMBUS_UNSUPPORTED' });
  });
});
