// SPDX-License-Identifier: MIT
//
// Disks in memory and in files by themselves: the same as plain bytes, and choosy about what they open.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type Disk,
  faultyDisk,
  ide,
  makeProvider,
  memoryDisk,
  openFileDisk,
  type ScsiProvider,
  scsi,
} from '../../dist/host/index.js';

const block = 512;
const blocks = 600;
const folder = mkdtempSync(path.join(tmpdir(), 'vmbus-disks-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => path.join(folder, name);

const place = fc
  .tuple(fc.nat(blocks - 1), fc.nat(300))
  .map(([first, count]) => ({ first, count: Math.min(count, blocks - first) }));
const steps = fc.array(
  fc.record({ what: fc.constantFrom('write', 'unmap', 'read', 'zero'), place, fill: fc.integer({ min: 1, max: 255 }) }),
  { maxLength: 25 },
);
type Steps = typeof steps extends fc.Arbitrary<infer T> ? T : never;

/** Does the steps to a disk and to plain bytes, and compares. */
async function follow(disk: Disk, model: Buffer, list: Steps): Promise<void> {
  for (const { what, place: where, fill } of list) {
    const [from, length] = [where.first * block, where.count * block];
    if (what === 'read')
      assert.ok(Buffer.compare(await disk.read(from, length), model.subarray(from, from + length)) === 0);
    else if (what === 'unmap') await disk.unmap(from, length);
    else await disk.write(from, Buffer.alloc(length, what === 'zero' ? 0 : fill));
    if (what !== 'read') model.fill(what === 'write' ? fill : 0, from, from + length);
  }
  assert.ok(Buffer.compare(await disk.read(0, model.length), model) === 0);
}

describe('a disk in memory', () => {
  it('is the same as plain bytes', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        await follow(memoryDisk({ sizeBytes: blocks * block }), Buffer.alloc(blocks * block), list);
      }),
    );
  });

  it('takes memory for what was written alone, and gives it back', async () => {
    const disk = memoryDisk({ sizeBytes: 2 ** 50 });

    await disk.write(2 ** 49 - 512, Buffer.alloc(1024, 1));
    await disk.write(0, new Uint8Array(2 ** 20));
    assert.equal(disk.usedBytes, 128 * 1024);
    await disk.unmap(0, 2 ** 49);
    assert.equal(disk.usedBytes, 64 * 1024);
    assert.equal((await disk.read(2 ** 49 - 512, 513))[512], 1);
    await disk.unmap(0, 2 ** 50);
    assert.ok((await disk.read(2 ** 49 - 512, 1024)).every((byte) => byte === 0));
  });

  it('forgets what is cut off', async () => {
    const disk = memoryDisk({ sizeBytes: 2 ** 20 });
    await disk.write(0, Buffer.alloc(2 ** 20, 1));

    await disk.resize(100_352);
    await disk.resize(2 ** 20);

    assert.equal(Buffer.from(await disk.read(0, 2 ** 20)).indexOf(0), 100_352);
    assert.equal(Buffer.from(await disk.read(0, 2 ** 20)).lastIndexOf(1), 100_351);
  });

  it('begins with its content, of which it has a copy', async () => {
    const content = Buffer.from('begin');
    const disk = memoryDisk({ sizeBytes: 4096, blockBytes: 4096, readonly: true, content });
    content.fill(0);
    assert.equal(Buffer.from(await disk.read(0, 5)).toString(), 'begin');
  });

  it('refuses what makes no sense', async () => {
    const disk = memoryDisk({ sizeBytes: 4096 });
    const range = { code: 'ERR_OUT_OF_RANGE' };
    for (const options of [
      { sizeBytes: 511 },
      { sizeBytes: 1e17 },
      { sizeBytes: 512.5 },
      { sizeBytes: 4096, blockBytes: 1024 as 512 },
    ])
      assert.throws(() => memoryDisk(options), range);
    assert.throws(() => memoryDisk({ sizeBytes: 4096, content: new Uint8Array(4097) }), range);
    await assert.rejects(disk.read(4000, 97), range);
    await assert.rejects(disk.write(-1, new Uint8Array(1)), range);
    await assert.rejects(disk.unmap(0, 4097), range);
    assert.throws(() => faultyDisk(disk, { badBlocks: [{ firstBlock: -1 }] }), range);
    assert.throws(() => faultyDisk({} as Disk), { code: 'ERR_INVALID_ARG_TYPE' });
  });
});

describe('a disk in a file', () => {
  it('is the same as plain bytes, and nothing is written behind it', async () => {
    const file = at('model.img');
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        writeFileSync(file, Buffer.alloc(blocks * block + 100, 9));
        await using disk = await openFileDisk(file);
        await follow(disk, Buffer.alloc(blocks * block, 9), list);
        assert.ok(
          readFileSync(file)
            .subarray(blocks * block)
            .equals(Buffer.alloc(100, 9)),
        );
      }),
      { numRuns: 20 },
    );
  });

  it('stays a sparse file when nothing is unmapped', async () => {
    const file = at('sparse.img');
    await using disk = await openFileDisk(file, { createBytes: 64 * 2 ** 20 });

    await disk.unmap(0, 64 * 2 ** 20);
    await disk.flush();

    assert.equal(statSync(file).size, 64 * 2 ** 20);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.ok(statSync(file).blocks * 512 < 2 ** 20);
  });

  it('is open once for writing, or many times for reading, whatever it is called', async () => {
    const file = at('once.img');
    const other = at('link.img');
    symlinkSync(file, other);
    const inUse = { code: 'ERR_VMBUS_IN_USE', path: other };
    const writer = await openFileDisk(file, { createBytes: 2 ** 20 });
    await assert.rejects(openFileDisk(other), inUse);
    await assert.rejects(openFileDisk(other, { readonly: true }), inUse);
    await writer.close();
    await writer.close();

    const readers = [await openFileDisk(file, { readonly: true }), await openFileDisk(other, { readonly: true })];
    await assert.rejects(openFileDisk(other), inUse);
    await readers[0]?.close();
    await assert.rejects(openFileDisk(other), inUse);
    await readers[1]?.close();
    await using again = await openFileDisk(other);
    await assert.rejects(again.read(2 ** 20, 1), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('is not written when it is open for reading', async () => {
    const file = at('readonly.img');
    writeFileSync(file, Buffer.alloc(1024, 1), { mode: 0o444 });
    await using disk = await openFileDisk(file, { readonly: true });

    await assert.rejects(disk.write(0, new Uint8Array(512)), { code: 'EBADF' });
    await assert.rejects(disk.resize(2048), { code: 'ERR_VMBUS_UNSUPPORTED', message: /reading only/ });
    await disk.flush();
    assert.deepEqual(readFileSync(file), Buffer.alloc(1024, 1));
  });

  it('tells when somebody made the file smaller', async () => {
    const file = at('shrunk.img');
    await using disk = await openFileDisk(file, { createBytes: 8192 });
    truncateSync(file, 4096);
    await assert.rejects(disk.read(0, 8192), { code: 'ERR_VMBUS_SYSTEM', message: /4096/ });
  });

  it('is no folder, no pipe, no character device, not empty, not missing', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    writeFileSync(at('empty'), '');
    const kind = { code: 'ERR_VMBUS_NODE_KIND' };
    await assert.rejects(openFileDisk(folder), kind);
    await assert.rejects(openFileDisk(at('pipe')), kind);
    await assert.rejects(openFileDisk('/dev/null'), kind);
    await assert.rejects(openFileDisk(at('empty')), { code: 'ERR_VMBUS_UNSUPPORTED' });
    await assert.rejects(openFileDisk(at('missing')), {
      code: 'ERR_VMBUS_SYSTEM',
      errnoName: 'ENOENT',
      hint: /truncate/,
    });
    assert.equal(existsSync(at('missing')), false);
    await assert.rejects(openFileDisk(''), { code: 'ERR_INVALID_ARG_TYPE' });
    // Nothing of all this is held.
    writeFileSync(at('empty'), Buffer.alloc(512));
    await (await openFileDisk(at('empty'))).close();
  });

  it('has the size that it is to be made with', async () => {
    const file = at('sized.img');
    await (await openFileDisk(file, { createBytes: 4096 })).close();
    await (await openFileDisk(file, { createBytes: 4096 })).close();
    await assert.rejects(openFileDisk(file, { createBytes: 8192 }), { code: 'ERR_VMBUS_UNSUPPORTED' });
    assert.equal(statSync(file).size, 4096);
  });
});

describe('a storage device in one word', () => {
  it('is a controller with the file', () => {
    writeFileSync(at('word.img'), Buffer.alloc(4096));
    const controller = makeProvider(`scsi:file=${at('word.img')},readonly=true,subchannels=2`) as ScsiProvider;
    assert.deepEqual([controller.name, controller.luns, controller.state], ['scsi', [0], 'closed']);
    assert.equal(makeProvider('ide:sizeMegabytes=1,channel=1').instanceGuid, '00000001-0000-8899-0000-000000000000');
    const list = { name: 'scsi', options: { disks: [{ sizeMegabytes: 1, lun: 7 }, { file: at('word.img') }] } };
    assert.deepEqual((makeProvider(list) as ScsiProvider).luns, [0, 7]);
  });

  it('is refused at once where it cannot be', () => {
    const value = { code: 'ERR_INVALID_ARG_VALUE' };
    const range = { code: 'ERR_OUT_OF_RANGE' };
    const disk = memoryDisk({ sizeBytes: 512 });
    assert.throws(() => makeProvider(`scsi:file=${at('nobody.img')}`), {
      code: 'ERR_VMBUS_SYSTEM',
      path: at('nobody.img'),
    });
    assert.throws(() => makeProvider('scsi:files=disk.img'), { ...value, message: /file/ });
    assert.throws(() => makeProvider('scsi:subchannels=65'), range);
    assert.throws(() => makeProvider('scsi:sizeMegabytes=0'), range);
    assert.throws(() => makeProvider('ide:channel=2'), range);
    assert.throws(() => scsi({ disks: [disk], sizeMegabytes: 1 }), value);
    assert.throws(() => scsi({ disks: [{ disk, sizeMegabytes: 1 }] }), value);
    assert.throws(() => scsi({ disks: [{ disk, serial: 'a b' }] }), value);
    assert.throws(() => scsi({ disks: [{ disk, lun: 256 }] }), range);
    assert.throws(() => scsi({ disks: [{ lun: 1 }, { lun: 1 }] }), { code: 'ERR_VMBUS_IN_USE' });
    assert.throws(() => scsi({ disks: [null as unknown as Disk] }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => scsi({ disks: 'disk.img' as unknown as [] }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => scsi({ newestVersion: 1 }), range);
    assert.throws(() => ide({ disk, file: at('word.img') }), value);
    assert.throws(() => ide({ blockBytes: 1024 as 512 }), range);
  });
});
