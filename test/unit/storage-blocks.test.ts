// SPDX-License-Identifier: MIT
//
// Blocks of a storage device: what is written comes back, over memory and files; unmapping, write same, and everything that a
// disk can refuse.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { type Disk, faultyDisk, memoryDisk, openFileDisk, scsi } from '../../dist/host/index.js';
import type { CdbForm, WriteSameCommand } from '../../dist/protocol/scsi/commands.js';
import { encodeUnmap } from '../../dist/protocol/scsi/lists.js';
import { diskAround, StorageGuest } from './support/scripted-storage-guest.js';

const megabyte = 2 ** 20;
const folder = mkdtempSync(path.join(tmpdir(), 'vmbus-blocks-'));
after(() => rmSync(folder, { recursive: true }));

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const zeroes = (bytes: number): Uint8Array => new Uint8Array(bytes);

let files = 0;
async function fileDisk(blockBytes: 512 | 4096): Promise<Disk> {
  files += 1;
  return await openFileDisk(path.join(folder, `${files}.img`), { createBytes: 8 * megabyte, blockBytes });
}

const backEnds: readonly (readonly [string, (blockBytes: 512 | 4096) => Promise<Disk> | Disk])[] = [
  ['memory', (blockBytes) => memoryDisk({ sizeBytes: 8 * megabyte, blockBytes })],
  ['a file', fileDisk],
];

for (const [name, make] of backEnds) {
  describe(`a disk in ${name}`, () => {
    for (const blockBytes of [512, 4096] as const) {
      it(`gives back what was written, in blocks of ${blockBytes}`, async () => {
        const guest = await StorageGuest.ready(scsi({ disks: [await make(blockBytes)] }));
        const pieces = [1, 8, (256 * 1024) / blockBytes, 3].map((blocks, i) => ({
          lba: i * 600,
          bytes: randomBytes(blocks * blockBytes),
        }));

        const ends = await Promise.all(pieces.map(({ lba, bytes }) => guest.write(lba, bytes, { blockBytes })));
        assert.deepEqual(
          ends.map(({ srbStatus, bytes }) => [srbStatus, bytes]),
          pieces.map(({ bytes }) => [1, bytes.length]),
        );
        for (const { lba, bytes } of pieces) {
          const { data } = await guest.read(lba, bytes.length / blockBytes, { blockBytes });
          assert.equal(hash(data), hash(bytes));
        }
        assert.equal(hash((await guest.read(599, 1, { blockBytes })).data), hash(zeroes(blockBytes)));
      });
    }

    it('reads zeroes where it was unmapped, and nothing but that', async () => {
      const disk = await make(512);
      const guest = await StorageGuest.ready(scsi({ disks: [disk] }));
      const bytes = randomBytes(256 * 1024);
      await guest.write(100, bytes);
      const extents = [
        { lba: 101n, blocks: 300 },
        { lba: 500n, blocks: 1 },
        { lba: 0n, blocks: 0 },
      ];
      const out = encodeUnmap(extents);

      const end = await guest.run({ command: { kind: 'unmap', parameterBytes: out.length }, out });

      assert.deepEqual([end.srbStatus, end.bytes], [1, 56]);
      const expected = Buffer.from(bytes);
      expected.fill(0, 512, 301 * 512);
      expected.fill(0, 400 * 512, 401 * 512);
      assert.equal(hash((await guest.read(100, 512)).data), hash(expected));
    });

    it('is filled with one block, with or without data', async () => {
      const guest = await StorageGuest.ready(scsi({ disks: [await make(512)] }));
      const block = randomBytes(512);
      const same = { kind: 'writeSame', form: 16, lba: 5n, blocks: 700, unmap: false, noData: false } as const;

      assert.equal((await guest.run({ command: same, out: block })).bytes, 512);
      const filled = (await guest.read(4, 512)).data;
      assert.equal(hash(filled.subarray(0, 512)), hash(zeroes(512)));
      assert.equal(hash(filled.subarray(512)), hash(Buffer.alloc(511 * 512, block)));
      assert.equal(hash((await guest.read(704, 1)).data), hash(block));
      assert.equal(hash((await guest.read(705, 1)).data), hash(zeroes(512)));
      assert.equal((await guest.run({ ...same, lba: 6n, blocks: 3, noData: true })).srbStatus, 1);
      await guest.run({ command: { ...same, form: 10, lba: 9n, blocks: 2, unmap: true }, out: zeroes(512) });
      const parts = (await guest.read(5, 7)).data;
      assert.equal(hash(parts), hash(Buffer.concat([block, zeroes(5 * 512), block])));
    });

    it('knows READ and WRITE in all their lengths', async () => {
      const guest = await StorageGuest.ready(scsi({ disks: [await make(512)] }));
      for (const form of [6, 10, 12, 16] as const satisfies readonly CdbForm[]) {
        const bytes = randomBytes(1024);
        const place = { form, lba: BigInt(form), blocks: 2, forceUnitAccess: form > 6 };
        await guest.run({ command: { kind: 'write', ...place }, out: bytes });
        const read = await guest.run({ command: { kind: 'read', ...place }, in: 1024 });
        assert.equal(hash(read.data), hash(bytes), `${form}`);
      }
    });
  });
}

describe('a disk behind a unit', () => {
  it('is flushed when the guest says so, or a write shall not stay in a cache', async () => {
    const calls: string[] = [];
    const disk = memoryDisk({ sizeBytes: megabyte });
    const flush = async (): Promise<void> => void calls.push('flush');
    const write = async (offset: number): Promise<void> => void calls.push(`write ${offset}`);
    const listening = diskAround(disk, {
      flush,
      write,
    });
    const guest = await StorageGuest.ready(scsi({ disks: [listening] }));
    const place = { form: 10, lba: 1n, blocks: 1 } as const;

    await guest.run({ command: { kind: 'write', ...place, forceUnitAccess: false }, out: randomBytes(512) });
    await guest.run({ command: { kind: 'write', ...place, forceUnitAccess: true }, out: randomBytes(512) });
    await guest.run({ kind: 'synchronizeCache', ...place });
    await guest.run({ kind: 'synchronizeCache', form: 16, lba: 0n, blocks: 0 });
    assert.deepEqual(calls, ['write 512', 'write 512', 'flush', 'flush', 'flush']);
    guest.channel.close();
    await new Promise(setImmediate);
    assert.equal(calls.length, 6, 'and when the guest is gone');
  });

  it('refuses blocks that it does not have', async () => {
    const guest = await StorageGuest.ready(scsi({ disks: [memoryDisk({ sizeBytes: megabyte + 511 })] }));
    const sense = async (run: Promise<{ sense: string }>): Promise<string> => (await run).sense;
    await guest.write(0, Buffer.alloc(512, 1));
    const beyond = '5/21/0';

    assert.equal((await guest.read(2047, 1)).srbStatus, 1);
    assert.equal(await sense(guest.read(2048, 1)), beyond);
    assert.equal(await sense(guest.read(2047, 2)), beyond);
    assert.equal(await sense(guest.read(2n ** 64n - 1n, 1)), beyond);
    assert.equal(await sense(guest.write(2048, zeroes(512))), beyond);
    assert.equal(await sense(guest.run({ kind: 'synchronizeCache', form: 16, lba: 2048n, blocks: 1 })), beyond);
    const out = encodeUnmap([
      { lba: 0n, blocks: 1 },
      { lba: 2047n, blocks: 2 },
    ]);
    assert.equal(await sense(guest.run({ command: { kind: 'unmap', parameterBytes: out.length }, out })), beyond);
    assert.equal((await guest.read(0, 1)).data[0], 1, 'not even the first of a list with a bad one');
    assert.equal((await guest.read(2048, 0)).srbStatus, 1, 'none of them is fine');
  });

  it('refuses lists and lengths that it does not take', async () => {
    const guest = await StorageGuest.ready(scsi({ disks: [memoryDisk({ sizeBytes: 2 ** 40 })] }));
    const unmap = async (out: Uint8Array, parameterBytes = out.length): Promise<string> => {
      const end = await guest.run({ command: { kind: 'unmap', parameterBytes }, out });
      return end.sense || `${end.srbStatus}`;
    };
    const same: WriteSameCommand = { kind: 'writeSame', form: 16, lba: 0n, blocks: 0, unmap: true, noData: true };

    assert.equal(await unmap(zeroes(7)), '5/1a/0');
    assert.equal(await unmap(zeroes(512), 0), '1');
    assert.equal(await unmap(zeroes(8)), '1', 'an empty list');
    assert.equal(await unmap(encodeUnmap(Array(257).fill({ lba: 0n, blocks: 1 }))), '5/26/0');
    assert.equal(await unmap(encodeUnmap([{ lba: 0n, blocks: 131_073 }])), '5/26/0');
    assert.equal((await guest.run(same)).sense, '5/24/0');
    assert.equal((await guest.run({ ...same, blocks: 131_073 })).sense, '5/24/0');
    assert.equal((await guest.run({ ...same, blocks: 131_072 })).srbStatus, 1);
  });

  it('is not written when it is write-protected', async () => {
    const content = randomBytes(512);
    const guest = await StorageGuest.ready(
      scsi({ disks: [memoryDisk({ sizeBytes: megabyte, readonly: true, content })] }),
    );
    const out = encodeUnmap([{ lba: 0n, blocks: 1 }]);
    const same = { kind: 'writeSame', form: 10, lba: 0n, blocks: 1, unmap: false, noData: false } as const;

    assert.equal((await guest.write(0, zeroes(512))).sense, '7/27/0');
    assert.equal((await guest.run({ command: { kind: 'unmap', parameterBytes: out.length }, out })).sense, '7/27/0');
    assert.equal((await guest.run({ command: same, out: zeroes(512) })).sense, '7/27/0');
    assert.equal(hash((await guest.read(0, 1)).data), hash(content));
  });

  it('says medium error where a block is bad, and works again when it is healed', async () => {
    const disk = faultyDisk(memoryDisk({ sizeBytes: megabyte }), {
      badBlocks: [{ firstBlock: 8, blocks: 2, on: 'read' }, { firstBlock: 20 }],
      delayMs: 1,
    });
    const guest = await StorageGuest.ready(scsi({ disks: [disk] }));
    const bad = await guest.read(7, 2);

    assert.deepEqual([bad.srbStatus, bad.scsiStatus, bad.sense, bad.bytes], [4, 2, '3/11/0', 0]);
    assert.equal((await guest.read(10, 1)).srbStatus, 1);
    assert.equal((await guest.write(8, zeroes(512))).srbStatus, 1);
    assert.equal((await guest.write(20, zeroes(512))).sense, '3/c/0');
    disk.heal();
    assert.equal((await guest.read(7, 20)).srbStatus, 1);
  });

  it('says that it is full, or broken, as it is', async () => {
    const broken: Disk = {
      sizeBytes: megabyte,
      blockBytes: 512,
      readonly: false,
      read: async () => new Uint8Array(1),
      write: () => Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })),
      flush: () => Promise.reject(new Error('nothing goes')),
      unmap: () => {
        throw new Error('at once');
      },
    };
    const guest = await StorageGuest.ready(scsi({ disks: [broken] }));
    const out = encodeUnmap([{ lba: 0n, blocks: 1 }]);

    assert.equal((await guest.read(0, 1)).sense, '4/44/0');
    assert.equal((await guest.write(0, zeroes(512))).sense, '7/27/7');
    assert.equal((await guest.run({ kind: 'synchronizeCache', form: 10, lba: 0n, blocks: 0 })).sense, '3/c/0');
    assert.equal((await guest.run({ command: { kind: 'unmap', parameterBytes: 24 }, out })).sense, '3/c/0');
  });
});

describe('a file that options name', () => {
  it('is open while the guest is there, and has what the guest wrote', async () => {
    const file = path.join(folder, 'named.img');
    const controller = scsi({ file, sizeMegabytes: 1 });
    const guest = await StorageGuest.ready(controller);
    const bytes = randomBytes(4096);
    await guest.write(8, bytes);

    await assert.rejects(openFileDisk(file), { code: 'ERR_VMBUS_IN_USE' });
    guest.channel.close();
    await controller.resize(0, 2 * megabyte);
    const image = readFileSync(file);
    assert.equal(image.length, 2 * megabyte);
    assert.equal(hash(image.subarray(4096, 8192)), hash(bytes));
    const again = await StorageGuest.ready(controller);
    assert.equal(hash((await again.read(8, 8)).data), hash(bytes));
    again.channel.close();
    await controller.remove(0);
  });

  it('ends the channel when it cannot be opened any more', async () => {
    const file = path.join(folder, 'lost.img');
    await (await openFileDisk(file, { createBytes: megabyte })).close();
    const controller = scsi({ file });
    rmSync(file);
    const guest = await StorageGuest.ready(controller);

    await assert.rejects(guest.run({ kind: 'testUnitReady' }), { code: 'ERR_VMBUS_SYSTEM', path: file });
  });
});
