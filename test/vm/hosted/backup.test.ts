// SPDX-License-Identifier: MIT
//
// `hv vss serve` in the place of the distribution's daemon: the kernel's own hv_utils asks it, our host asks the kernel, and ext4,
// xfs and btrfs are really frozen. Nobody writes while they are, and they are thawed whatever is killed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { memoryDisk, scsi, type VssProvider, vss } from '../../../dist/host/index.js';
import { projectFiles } from '../guest-project.js';
import { prepareLab } from '../lab/lab.js';
import { assertContent, bootWorld, endWorld, flavour, type HostWorld, kernel } from './host-world.js';
import { type Line, linesOf } from './support/guest-lines.js';

const patient = { timeoutMs: 120_000 };
const mebibyte = 1024 * 1024;
const types = ['ext4', 'xfs', 'btrfs'] as const;
/** Of different sizes, to tell them apart by. */
const mebibytesOf = { ext4: 320, xfs: 384, btrfs: 448 };
const checks = { ext4: 'e2fsck -fn', xfs: 'xfs_repair -n', btrfs: 'btrfs check' };

const backup = vss();
const controller = scsi({ disks: types.map((type) => memoryDisk({ sizeBytes: mebibytesOf[type] * mebibyte })) });
let world: HostWorld;

const sh = async (command: string): Promise<string> => (await world.machine.must(command)).trim();
const hv = 'cd /app && exec node dist/cli/main.js vss';

before(async () => {
  world = await bootWorld({
    devices: [backup, controller],
    modules: ['hv_utils', 'hv_storvsc', 'sd_mod', 'ext4'],
    packages: ['xfsprogs', 'btrfs-progs'],
    node: true,
    memoryMiB: 1024, // half of it is room for files
  });
  await world.machine.put(await projectFiles());
  await loadFurtherModules(['xfs', 'btrfs']);
  for (const type of types) {
    const blocks = String((mebibytesOf[type] * mebibyte) / 512);
    const disk = await sh(
      `until grep -lx ${blocks} /sys/block/sd*/size > /dev/null 2>&1; do sleep 0.1; done; grep -lx ${blocks} /sys/block/sd*/size | cut -d/ -f4`,
    );
    await sh(`mkfs.${type} -q /dev/${disk} && mkdir -p /mnt/${type} && mount /dev/${disk} /mnt/${type}`);
  }
  // The hook writes to the root, which is no disk here.
  await sh(
    `mkdir -p /etc/backup.d && printf '#!/bin/sh\\necho $1 >> /hooks\\n' > /etc/backup.d/10-db && chmod 755 /etc/backup.d/10-db && : > /hooks`,
  );
});
after(async () => endWorld(world));

/** What the guests of all suites do not have: it would be in each of their images. */
async function loadFurtherModules(names: readonly string[]): Promise<void> {
  const lab = await prepareLab(kernel, { flavour, refresh: false, note: () => undefined });
  // What btrfs asks the kernel's cryptography for by name.
  const digests = ['crc32c_generic', 'xxhash_generic', 'sha256_generic', 'blake2b_generic'];
  const modules = lab.kernel.modules([...digests.filter((name) => lab.kernel.has(name)), ...names]);
  await world.machine.put([...modules].map(([name, { file }]) => ({ to: `/tmp/modules/${name}.ko`, from: file })));
  for (const name of modules.keys())
    await sh(`grep -q '^${name} ' /proc/modules || insmod /tmp/modules/${name}.ko && rm /tmp/modules/${name}.ko`);
}

/** `hv vss serve` in the guest, event by event. */
async function serve(...words: readonly string[]) {
  const guest = world.machine.start(
    `echo "{\\"pid\\":$$}"; ${hv} serve --json --hooks /etc/backup.d ${words.join(' ')}`,
  );
  const { next } = linesOf(guest);
  const { pid } = await next();
  const saw = (kind: string): Promise<Line> => next((event) => event.kind === kind || event.state === kind);
  await saw('ready');
  return { guest, next: saw, kill: (signal: string) => sh(`kill -${signal} ${pid}`) };
}

/** Somebody who writes to each file system: resolves once all of them wait for it. */
async function writersWait(text: string): Promise<void> {
  const all = types.join(' ');
  await sh(
    `for fs in ${all}; do rm -f /tmp/$fs.*; (echo ${text} > /mnt/$fs/note; : > /tmp/$fs.done) & echo $! > /tmp/$fs.pid; done > /dev/null 2>&1`,
  );
  await sh(
    `for fs in ${all}; do until grep -q '^State:.D' /proc/$(cat /tmp/$fs.pid)/status; do [ -e /tmp/$fs.done ] && exit 9; sleep 0.1; done; done`,
  );
}

/** Resolves once they have written. */
async function writersWrote(text: string): Promise<void> {
  await sh(`for fs in ${types.join(' ')}; do until [ -e /tmp/$fs.done ]; do sleep 0.1; done; done`);
  for (const type of types) assert.equal(await sh(`cat /mnt/${type}/note`), text);
}

const hooks = async (): Promise<string[]> => (await sh('cat /hooks; : > /hooks')).split('\n').filter(Boolean);
const refused = { code: 'ERR_VMBUS_REFUSED' };

describe('hv vss explain', () => {
  it('would freeze each file system, the youngest first', async () => {
    const { order, obstacles } = JSON.parse(await sh(`${hv} explain --json`)) as Record<string, { point: string }[]>;
    assert.deepEqual(
      order?.map(({ point }) => point),
      ['/mnt/btrfs', '/mnt/xfs', '/mnt/ext4'],
    );
    assert.deepEqual(obstacles, []);
  });
});

describe('hv vss serve', () => {
  it('is refused while the distribution’s daemon has the device, and names it', async () => {
    const daemon = world.machine.start('exec hv_vss_daemon -n');
    await backup.ready(patient);
    await sh('until ls -l /proc/$(pidof hv_vss_daemon)/fd 2> /dev/null | grep -q hv_vss; do sleep 0.1; done');
    const { status, stderr } = await world.machine.run(`${hv} serve`);
    assert.equal(status, 5, stderr);
    assert.match(stderr, /process \d+ \(hv_vss_daemon/);
    daemon.kill('SIGKILL');
    await daemon.ended;
  });

  it('freezes for the host: nobody writes until the thaw', async () => {
    const served = await serve();
    await backup.ready(patient);
    await backup.hotBackupCheck(patient);
    const frozen = await backup.freeze(patient);
    await writersWait('one');
    assert.deepEqual(await hooks(), ['freeze']);
    await frozen.thaw(patient);
    await writersWrote('one');
    assert.deepEqual((await served.next('frozen')).points, ['/mnt/btrfs', '/mnt/xfs', '/mnt/ext4']);
    assert.equal((await served.next('thawed')).reason, 'asked');
    assert.deepEqual(await hooks(), ['thaw']);
    await served.kill('INT');
    assert.equal(await served.guest.ended, 130);
  });

  it('killed while all is frozen: thawed at once, and the hooks when it is started again', async () => {
    const killed = await serve();
    const frozen = await backup.freeze(patient);
    await writersWait('two');
    await killed.kill('KILL');
    await writersWrote('two');
    assert.deepEqual(await hooks(), ['freeze']);
    await assert.rejects(frozen.thaw(patient), refused);

    const served = await serve();
    await served.next('recovered');
    assert.deepEqual(await hooks(), ['thaw']);
    await served.kill('INT');
    await served.guest.ended;
  });

  it('thaws when its freezer is killed, and tells the host that the freeze did not hold', async () => {
    const served = await serve();
    const frozen = await backup.freeze(patient);
    await writersWait('three');
    await sh('kill -KILL $(pidof vmbus-freezer)');
    await writersWrote('three');
    assert.equal((await served.next('thawed')).reason, 'freezer');
    await assert.rejects(frozen.thaw(patient), refused);
    await backup.thaw(patient);
    await served.kill('INT');
    await served.guest.ended;
  });

  it('thaws at its deadline for a host that is silent', async () => {
    const served = await serve('--deadline', '20s');
    const frozen = await backup.freeze(patient);
    await writersWait('four');
    await writersWrote('four');
    assert.equal((await served.next('thawed')).reason, 'deadline');
    await assert.rejects(frozen.thaw(patient), refused);
    await backup.thaw(patient);
    await served.kill('INT');
    await served.guest.ended;
  });

  it('thaws when the host switches the service off, and serves when it is on again', async () => {
    const served = await serve();
    await backup.freeze(patient);
    await writersWait('five');
    world.host.rescind('vss');
    await writersWrote('five');
    await served.next('thawed');
    const again: VssProvider = vss();
    world.host.add(again);
    await served.next('ready');
    await again.ready(patient);
    const frozen = await again.freeze(patient);
    await writersWait('six');
    await frozen.thaw(patient);
    await writersWrote('six');
    await served.kill('INT');
    await served.guest.ended;
  });
});

describe('hv vss thaw', () => {
  it('thaws what a freezer left frozen that was killed with its script', async () => {
    await sh('fsfreeze --freeze /mnt/xfs');
    const { mounts } = JSON.parse(await sh(`${hv} thaw --json`)) as { mounts: { point: string; was: string }[] };
    assert.deepEqual(
      mounts.map(({ point, was }) => [point, was]),
      [
        ['/mnt/ext4', 'not-frozen'],
        ['/mnt/xfs', 'frozen'],
        ['/mnt/btrfs', 'not-frozen'],
      ],
    );
  });
});

describe('the file systems', () => {
  for (const type of types) {
    it(`have no fault: ${type}`, async () => {
      const disk = await sh(`awk '$2 == "/mnt/${type}" { print $1 }' /proc/mounts`);
      await sh(`umount /mnt/${type} && ${checks[type]} ${disk} > /tmp/check 2>&1 || { cat /tmp/check; exit 1; }`);
    });
  }
});

describe('the whole machine', () => {
  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});
