// SPDX-License-Identifier: MIT
//
// `hv scsi` on a simulated host: what it prints, reads and writes, and what it refuses.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import { type Disk, faultyDisk, memoryDisk, SimulatedHost, scsi } from '../../dist/host/index.js';
import { TableDisk } from '../unit/support/partition-tables.js';
import { run } from './cli-run.js';

const megabyte = 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), 'vmbus-scsi-'));
after(() => rmSync(folder, { recursive: true }));

/** A host with one disk of random bytes, and a write-protected one with LUN 3. */
async function withDisks(work: (root: string, disk: Disk, bytes: Buffer) => Promise<void>): Promise<void> {
  const disk = memoryDisk({ sizeBytes: 2 * megabyte });
  const bytes = randomBytes(2 * megabyte);
  await disk.write(0, bytes);
  const protectedDisk = { disk: memoryDisk({ sizeBytes: megabyte, blockBytes: 4096, readonly: true }), lun: 3 };
  const controller = scsi({ disks: [{ disk, serial: 'one' }, protectedDisk], subchannels: 1 });
  await using host = await SimulatedHost.start({ devices: [controller], bound: true });
  await work(host.root, disk, bytes);
  assert.equal(host.devices[0]?.isOpen, false);
}

describe('hv scsi', () => {
  it('lists what is on a controller, and says what one disk is', async () => {
    await withDisks(async (root) => {
      const { status, stdout, stderr } = await run(['--root', root, 'scsi', 'ls']);
      const json = await run(['--root', root, 'scsi', 'ls', '--json']);
      const size = await run(['--root', root, 'scsi', 'capacity', '--lun', '3']);
      const what = await run(['--root', root, 'scsi', 'inquiry', '--lun', '0']);

      assert.equal(status, 0, stderr);
      assert.match(stdout, /^ +0 {2}disk {2}Msft Virtual Disk {2}2 MiB {4}512 {2}one +-$/m);
      assert.match(stdout, /^ +3 {2}disk {2}Msft Virtual Disk {2}1 MiB {3}4096 {2}\w+ {2}protected$/m);
      const document = JSON.parse(json.stdout);
      assert.equal(document.schema, 'vmbus.scsi.units/1');
      assert.deepEqual(
        document.units.map((unit: { lun: number; sizeBytes: number }) => [unit.lun, unit.sizeBytes]),
        [
          [0, 2 * megabyte],
          [3, megabyte],
        ],
      );
      assert.equal(size.stdout, '1,048,576 bytes: 256 blocks of 4096\n');
      assert.match(what.stdout, /^serial +one$/m);
    });
  });

  it('met a controller that never answered on the host of --sim', async () => {
    const { status, stdout, stderr } = await run(['--sim', 'scsi', 'ls']);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /Msft Virtual Disk {2}64 MiB/);
  });

  it('shows partitions', async () => {
    await withDisks(async (root, disk) => {
      const block = new Uint8Array(512);
      block.set([0x83, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0], 450);
      block.set([0x55, 0xaa], 510);
      await disk.write(0, block);

      const { stdout, stderr } = await run(['--root', root, 'scsi', 'ls']);
      const json = await run(['--root', root, 'scsi', 'ls', '--json']);

      assert.match(stdout, /^ +0 +1 {2}1,048,576 {2}1 MiB {2}mbr +0x83 +-$/m, stderr);
      assert.equal(JSON.parse(json.stdout).units[0].partitionTable.kind, 'mbr');
    });
  });

  it('showed no disk at all where the first block of one could not be read', async () => {
    const bad = faultyDisk(memoryDisk({ sizeBytes: megabyte }), { badBlocks: [{ firstBlock: 0, on: 'read' }] });
    const controller = scsi({ disks: [bad, memoryDisk({ sizeBytes: megabyte })] });
    await using host = await SimulatedHost.start({ devices: [controller], bound: true });
    const { status, stdout, stderr } = await run(['--root', host.root, 'scsi', 'ls']);
    const json = await run(['--root', host.root, 'scsi', 'ls', '--json']);
    assert.deepEqual([status, stdout.match(/Virtual Disk/g)?.length], [0, 2], stderr);
    assert.match(stderr, /^note: LUN 0: its partition table can't be read: /m);
    const [first, second] = JSON.parse(json.stdout).units;
    assert.deepEqual([first.partitionTable, second.partitionTable.kind], [null, 'none']);
    assert.match(first.partitionProblem, /medium/i);
  });

  it('let a partition write to the terminal whatever it liked to be called', async () => {
    const { bytes } = new TableDisk(2048).gpt([[40, 99, '\u001b[2J\u009bm']]);
    const controller = scsi({ disks: [memoryDisk({ sizeBytes: bytes.length, content: bytes })] });
    await using host = await SimulatedHost.start({ devices: [controller], bound: true });
    const { stdout } = await run(['--root', host.root, 'scsi', 'ls']);
    assert.ok(stdout.includes('\\u001b[2J\\u009bm'), stdout);
    assert.ok(!stdout.includes('\u001b') && !stdout.includes('\u009b'));
  });

  it('reads into a file and to standard output', async () => {
    await withDisks(async (root, _disk, bytes) => {
      const path = join(folder, 'read.img');
      const whole = await run(['--root', root, 'scsi', 'read', 'scsi', '--lun', '0', '-o', path]);
      const some = await run(['--root', root, 'scsi', 'read', '-l', '3', '--offset', '4K', '--length', '8K']);

      assert.equal(whole.status, 0, whole.stderr);
      assert.equal(Buffer.compare(readFileSync(path), bytes), 0);
      assert.equal(some.status, 0, some.stderr);
      assert.equal(some.stdout, '\0'.repeat(8192));
    });
  });

  it('writes only where that was said, after it has said where', async () => {
    await withDisks(async (root, disk) => {
      const path = join(folder, 'write.img');
      const bytes = randomBytes(65_536);
      writeFileSync(path, bytes);
      const words = ['--root', root, 'scsi', 'write', 'scsi', path, '--lun', '0', '--offset', '1M'];
      const before = await disk.read(megabyte, bytes.length);

      const asked = await run(words);
      const unchanged = await disk.read(megabyte, bytes.length);
      const done = await run([...words, '--write']);

      assert.equal(asked.status, 2);
      assert.match(
        asked.stderr,
        /would overwrite bytes 1,048,576 to 1,114,112 of LUN 0 \(Msft Virtual Disk, 2,097,152 bytes\)/,
      );
      assert.equal(Buffer.compare(unchanged, before), 0);
      assert.equal(done.status, 0, done.stderr);
      assert.equal(Buffer.compare(await disk.read(megabyte, bytes.length), bytes), 0);
    });
  });

  it('overwrote the end of a disk before it found out that a file did not fit', async () => {
    await withDisks(async (root, disk, before) => {
      const path = join(folder, 'large.img');
      writeFileSync(path, randomBytes(megabyte + 512));
      const words = ['--root', root, 'scsi', 'write', 'scsi', path, '--lun', '0', '--offset', '1M', '--write'];

      const refused = await run(words);

      assert.equal(refused.status, 2);
      assert.match(refused.stderr, /does not fit/);
      assert.equal(Buffer.compare(await disk.read(0, 2 * megabyte), before), 0);
    });
  });

  it('said that nothing would be overwritten by what is no file, and wrote all of it', async () => {
    await withDisks(async (root, disk, before) => {
      const refused = await run(['--root', root, 'scsi', 'write', 'scsi', '/dev/zero', '--lun', '0', '--write']);

      assert.equal(refused.status, 2);
      assert.match(refused.stderr, /is no file/);
      assert.equal(Buffer.compare(await disk.read(0, 2 * megabyte), before), 0);
    });
  });

  it('let everybody read the copy of a disk', async () => {
    await withDisks(async (root) => {
      const path = join(folder, 'private.img');

      await run(['--root', root, 'scsi', 'read', 'scsi', '--lun', '3', '-o', path]);

      assert.equal(statSync(path).mode & 0o777, 0o600);
    });
  });

  it('refuses a protected disk, and asks which where there are several', async () => {
    await withDisks(async (root) => {
      const path = join(folder, 'page.img');
      writeFileSync(path, randomBytes(4096));

      const protectedDisk = await run(['--root', root, 'scsi', 'write', 'scsi', path, '--lun', '3', '--write']);
      const unclear = await run(['--root', root, 'scsi', 'capacity']);
      const missing = await run(['--root', root, 'scsi', 'capacity', '--lun', '9']);

      assert.equal(protectedDisk.status, 4);
      assert.match(protectedDisk.stderr, /write-protected/);
      assert.equal(unclear.status, 2);
      assert.match(unclear.stderr, /LUNs 0, 3/);
      assert.equal(missing.status, 3);
    });
  });

  it('measures', async () => {
    await withDisks(async (root) => {
      const words = ['scsi', 'bench', '--lun', '0', '-t', '100ms', '-s', '4K', '--random', '--channels', '2', '--json'];
      const { status, stdout, stderr } = await run(['--root', root, ...words]);

      assert.equal(status, 0, stderr);
      const { schema, requests, channels } = JSON.parse(stdout);
      assert.deepEqual([schema, requests > 0, channels], ['vmbus.scsi.bench/1', true, 2]);
    });
  });
});
