// SPDX-License-Identifier: MIT
//
// Our guest side of a SCSI controller, over the kernel's uio_hv_generic, on our provider: a disk written and read in random order,
// a script that dies in the middle of reads, and the controller back with hv_storvsc, the file system on it whole. That driver is
// not asked for anything then: it may hang (docs/kernels.md).

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';

import { memoryDisk, scsi } from '../../../dist/host/index.js';
import { projectFiles } from '../guest-project.js';
import {
  assertContent,
  bootWorld,
  endWorld,
  type HostWorld,
  isFullSize,
  kernel,
  printMebibytes,
} from './host-world.js';
import { linesOf } from './support/guest-lines.js';
import { HeldDisk } from './support/held-disk.js';
import { fileOfSoundExt4 } from './support/host-fsck.js';
import { installHv } from './support/hv-command.js';
import { partitionedImage } from './support/partitioned-image.js';

const mebibyte = 1024 * 1024;
const writtenMebibytes = isFullSize ? 256 : 16;
const keptMebibytes = 24;
const instance = '00000000-0000-0000-0000-000000000021';
const passingInstance = '00000000-0000-0000-0000-000000000022';
const accept = '--accept restored-disks-hang';

const keptDisk = memoryDisk({ sizeBytes: keptMebibytes * mebibyte });
const writtenDisk = memoryDisk({ sizeBytes: writtenMebibytes * mebibyte });
const held = new HeldDisk(memoryDisk({ sizeBytes: 8 * mebibyte, content: new Uint8Array(8 * mebibyte).fill(0xa5) }));
/** With a monitor: older kernels lend no others. */
const controller = scsi({ instanceGuid: instance, monitorId: 9, subchannels: 1, disks: [keptDisk, writtenDisk, held] });
const passingDisk = memoryDisk({ sizeBytes: mebibyte });
const passing = scsi({ name: 'passing', instanceGuid: passingInstance, monitorId: 10, disks: [passingDisk] });
/** For what docs/storage.md tells to do: two disks with partition tables of sfdisk, of which one is copied to the other. */
const guidedInstance = '00000000-0000-0000-0000-000000000023';
const guidedBytes = 4 * mebibyte;
const tables = {
  dos: 'label: dos\nsize=1MiB, type=83\n',
  gpt: 'label: gpt\nsize=1MiB, type=L, name="data"\ntype=U, name="efi"\n',
};
const [target, source] = [memoryDisk({ sizeBytes: guidedBytes }), memoryDisk({ sizeBytes: guidedBytes })];
const guided = scsi({ name: 'guided', instanceGuid: guidedInstance, monitorId: 11, disks: [target, source] });

let world: HostWorld;
before(async () => {
  await target.write(0, await partitionedImage(kernel, guidedBytes, tables.dos));
  await source.write(0, await partitionedImage(kernel, guidedBytes, tables.gpt));
  world = await bootWorld({
    devices: [controller, passing, guided],
    modules: ['hv_storvsc', 'sd_mod', 'ext4', 'uio_hv_generic'],
    node: true,
    memoryMiB: 640,
  });
  await world.machine.put(await projectFiles());
  await installHv(world.machine);
  await sh('echo 4 > /proc/sys/vm/nr_hugepages && grep -q "HugePages_Free: *4" /proc/meminfo');
});
after(async () => endWorld(world));

const sh = async (command: string): Promise<string> => (await world.machine.must(command)).trim();
const hv = (command: string) => world.machine.run(`hv ${command}`);

/** Device file of the kernel's disk of so many mebibytes, waited for. */
const diskOf = (mebibytes: number): Promise<string> =>
  sh(
    `until grep -lx ${mebibytes * 2048} /sys/class/block/sd?/size 2> /dev/null; do sleep 0.1; done | head -1 | cut -d/ -f5 | sed s,^,/dev/,`,
  );

/** The program in the guest, line by line. */
function start(...args: readonly (string | number)[]) {
  const guest = world.machine.start(`cd /app && exec node dist-test/vm/hosted/programs/storage.js ${args.join(' ')}`);
  return { ...linesOf(guest), ended: guest.ended, kill: guest.kill.bind(guest) };
}

describe('our side of a SCSI controller', () => {
  let fileSum: string;

  it('is not lent while a file system of it is mounted, which is named', async () => {
    const disk = await diskOf(keptMebibytes);
    await sh(`mkfs.ext4 -q ${disk} && mkdir -p /mnt && mount ${disk} /mnt`);
    await sh(`${printMebibytes(8)} > /mnt/file && sync`);
    fileSum = await sh('sha256sum < /mnt/file');
    const refused = await hv(`bind ${instance} -- true`);
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /\/mnt/);
    await sh('umount /mnt');
  });

  it('is lent only to who accepts that its own driver may hang with it afterwards', async () => {
    const refused = await hv(`bind ${instance}`);
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /loses completions.*--accept restored-disks-hang/s);
    for (const guid of [instance, passingInstance]) {
      const { status, stderr } = await hv(`bind ${guid} ${accept}`);
      assert.equal(status, 0, stderr);
    }
  });

  it(`writes ${writtenMebibytes} MiB in random order, and reads it back in another`, async () => {
    const program = start('verify', instance, 1);
    const { up, version, memory } = await program.next();
    assert.deepEqual([up, version], [[0, 1, 2], '6.2']);
    assert.equal((memory as { kind: string }).kind, 'huge pages');
    const { sha256, ...rest } = await program.next();
    assert.deepEqual(rest, { wrong: [], violations: 0, droppedPackets: 0, abandoned: 0 });
    assert.equal(await program.ended, 0, program.errors());
    const bytes = await writtenDisk.read(0, writtenDisk.sizeBytes);
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
  });

  it('needs no huge pages where the kernel has made a buffer for the device', async () => {
    await sh('echo 0 > /proc/sys/vm/nr_hugepages');
    const { status } = await world.machine.run(`ls /sys/bus/vmbus/devices/${passingInstance}/uio/*/maps/map3`);
    console.log(`[lab] ${status === 0 ? 'it has' : 'it has not'}`);
    const program = start('verify', passingInstance, 0);
    if (status === 0) {
      const { kind, isPinned } = (await program.next()).memory as { readonly kind: string; readonly isPinned: boolean };
      assert.deepEqual([kind, isPinned], ['device buffer', true]);
      const { sha256, wrong } = await program.next();
      assert.deepEqual(wrong, []);
      const bytes = await passingDisk.read(0, passingDisk.sizeBytes);
      assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
      assert.equal(await program.ended, 0, program.errors());
    } else {
      assert.notEqual(await program.ended, 0);
      assert.match(program.errors(), /sysctl vm\.nr_hugepages=2/);
    }
    await sh('echo 4 > /proc/sys/vm/nr_hugepages && grep -q "HugePages_Free: *4" /proc/meminfo');
  });

  it('killed in the middle of reads, lets the host write into nobody else’s memory', async () => {
    const program = start('reads', instance, 2);
    const { kind, isPinned, keeperPid } = await program.next();
    assert.deepEqual([kind, isPinned], ['huge pages', true]);
    await held.hold(8);
    program.kill('SIGKILL');
    await program.ended;
    await sh(`while [ -e /proc/${keeperPid} ]; do sleep 0.1; done`);
    // The pages that the host knew are anybody's now. They are filled with zeros, the disk is not: zeros they must stay.
    await sh('echo 0 > /proc/sys/vm/nr_hugepages && grep -q "HugePages_Total: *0" /proc/meminfo');
    await sh('mkdir -p /taken && mount -t tmpfs -o size=100% taken /taken');
    const mebibytes = '$(($(grep MemAvailable /proc/meminfo | tr -dc 0-9) / 1024 - 80))';
    await sh(`dd if=/dev/zero of=/taken/all bs=1M count=${mebibytes} 2> /dev/null`);
    await held.release();
    assert.match((await world.machine.run('cmp /taken/all /dev/zero')).stderr, /EOF on \/taken\/all/);
    await sh('umount /taken; echo 4 > /proc/sys/vm/nr_hugepages');
  });

  it('hears that a controller is withdrawn', async () => {
    const program = start('read', passingInstance);
    await program.next((line) => line.up === 0);
    world.host.rescind('passing');
    // Its disks go first.
    assert.deepEqual(await program.next(), { code: 'ERR_VMBUS_NO_DEVICE', by: 'rescind' });
    assert.equal(await program.ended, 0, program.errors());
  });

  it('is listed, copied and written as the guide says, and given back', async () => {
    const [ls, read, write] = [
      `hv scsi ls ${guidedInstance}`,
      `hv scsi read ${guidedInstance} --lun 1 -o /tmp/disk.img`,
      `hv scsi write ${guidedInstance} /tmp/disk.img --lun 0`,
    ];
    const steps = [ls, read, 'stat -c %a /tmp/disk.img', `! ${write}`, `${write} --write`];
    const { status, stdout, stderr } = await hv(`bind ${guidedInstance} ${accept} -- sh -ec '${steps.join('; ')}'`);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^600$/m);
    assert.match(stdout, /^ *0 +1 +\S+ +1 MiB +mbr +0x83/m);
    assert.match(stdout, /^ *1 +1 +17,408 +1 MiB +gpt +0fc63daf-8483-4772-8e79-3d69d8477de4 +data$/m);
    assert.match(stdout, /^ *1 +2 +1,065,984 +3\.0 MiB +gpt +c12a7328-f81f-11d2-ba4b-00a0c93ec93b +efi$/m);
    assert.ok(Buffer.from(await target.read(0, guidedBytes)).equals(await source.read(0, guidedBytes)));
    assert.match(await sh(`readlink /sys/bus/vmbus/devices/${guidedInstance}/driver`), /hv_storvsc$/);
  });

  it('goes back to the kernel after the crash, with its file system as it was', async () => {
    const { status, stderr } = await hv(`restore ${instance}`);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /loses completions/);
    assert.match(await sh(`readlink /sys/bus/vmbus/devices/${instance}/driver`), /hv_storvsc$/);
    const file = await fileOfSoundExt4(kernel, keptDisk, '/file');
    assert.equal(`${createHash('sha256').update(file).digest('hex')}  -`, fileSum);
  });

  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});
