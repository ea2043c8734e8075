// SPDX-License-Identifier: MIT
//
// What a freeze would do with tables of mounts as real machines have them.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { planBackup } from '../../dist/index.js';
import { parseMountinfo } from '../../dist/services/backup/mountinfo.js';
import { type PlanSight, planMounts } from '../../dist/services/backup/plan.js';
import type { BackupPlan } from '../../dist/services/backup/types.js';

const debian = `\
22 27 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw
23 27 0:22 / /proc rw,nosuid shared:13 - proc proc rw
27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
28 27 0:25 / /run rw,nosuid shared:5 - tmpfs tmpfs rw,size=100k
40 27 8:15 / /boot/efi rw,relatime shared:30 - vfat /dev/sda15 rw,fmask=0022
41 27 253:0 / /var/lib/my\\040data rw shared:31 - xfs /dev/mapper/vg-data rw,attr2
42 27 8:33 / /mnt/ro ro,relatime shared:32 - ext4 /dev/sdc1 ro
43 27 7:0 / /snap/core/1 ro,nodev shared:33 - squashfs /dev/loop0 ro
44 27 7:1 / /mnt/image rw shared:34 - ext4 /dev/loop1 rw
`;
const btrfs = `\
27 1 0:29 /@ / rw,relatime shared:1 - btrfs /dev/sda2 rw,subvolid=256,subvol=/@
30 27 0:29 /@home /home rw,relatime shared:2 - btrfs /dev/sda2 rw,subvolid=257,subvol=/@home
31 27 8:16 / /data rw shared:3 - ext4 /dev/sdb rw
32 31 8:32 / /data/pg rw shared:4 - ext4 /dev/sdc rw
33 27 8:16 /sub /srv/bound rw shared:3 - ext4 /dev/sdb rw
`;

/** A machine where every path leads to what the table says, and loops are named so. */
function sight(changes: Partial<PlanSight> = {}): PlanSight {
  return {
    look: ({ id, device }) => ({ isFolder: true, device, mountId: id }),
    isOnLoop: ({ source }) => source.startsWith('/dev/loop'),
    ...changes,
  };
}

const plan = (table: string, leaveOut: string[] = [], changes: Partial<PlanSight> = {}): BackupPlan =>
  planMounts(parseMountinfo(table), leaveOut, sight(changes));
const points = ({ order }: BackupPlan): string[] => order.map(({ point }) => point);
const verdictOf = ({ mounts }: BackupPlan, at: string): string | undefined => {
  const found = mounts.find(({ point }) => point === at);
  return found && [found.verdict, found.reason].filter(Boolean).join(' ');
};

describe('a plan', () => {
  it('freezes disks, youngest first and the root last, and says why not the others', () => {
    const made = plan(debian);
    assert.deepEqual(points(made), ['/var/lib/my data', '/']);
    assert.deepEqual(made.obstacles, []);
    for (const [point, verdict] of [
      ['/', 'freeze'],
      ['/var/lib/my data', 'freeze'],
      ['/proc', 'skip no-disk'],
      ['/run', 'skip no-disk'],
      ['/boot/efi', 'skip vfat'],
      ['/mnt/ro', 'skip read-only'],
      ['/snap/core/1', 'skip read-only'],
      ['/mnt/image', 'skip loop'],
    ] as const)
      assert.equal(verdictOf(made, point), verdict, point);
  });

  it('freezes a file system once, however often it is mounted, and by its whole', () => {
    const made = plan(btrfs);
    assert.deepEqual(points(made), ['/data/pg', '/data', '/']);
    assert.equal(verdictOf(made, '/home'), 'skip duplicate');
    assert.equal(verdictOf(made, '/srv/bound'), 'skip duplicate');
  });

  it('checks what stat tells of a btrfs subvolume, which is not the number in the table', () => {
    const made = plan(btrfs, [], {
      look: ({ id, device }) => ({ isFolder: true, device: device === '0:29' ? '0:31' : device, mountId: id }),
    });
    assert.deepEqual(made.order.at(-1), { point: '/', device: '0:31' });
  });

  it('puts the file system of the root last also where another mount of it came first', () => {
    const late = '20 1 8:1 / /sysroot rw - ext4 /dev/sda1 rw\n21 1 8:2 / /a rw - ext4 /dev/sda2 rw\n';
    const made = plan(`${late}22 1 8:1 /root / rw - ext4 /dev/sda1 rw\n`);
    assert.deepEqual(points(made), ['/a', '/sysroot']);
  });

  it('freezes a writable file system that is mounted read-only here', () => {
    const made = plan('30 27 8:16 / /view ro,relatime - ext4 /dev/sdb rw\n');
    assert.deepEqual(points(made), ['/view']);
  });

  it('names what would make the freeze fail, once a file system', () => {
    const stick = '50 27 8:48 / /media/stick rw - exfat /dev/sdd1 rw\n51 27 8:48 /a /media/a rw - exfat /dev/sdd1 rw\n';
    const made = plan(`${debian}${stick}52 27 8:64 / /media/win rw - fuseblk /dev/sde1 rw\n`);
    assert.deepEqual(
      made.obstacles.map(({ device, reason }) => [device, reason]),
      [
        ['8:48', 'type'],
        ['8:64', 'type'],
      ],
    );
    assert.match(made.obstacles[0]?.says ?? '', /exfat can't be frozen/);
  });

  it('leaves out what it is told to, by mount point or by source', () => {
    const made = plan(`${debian}50 27 8:48 / /media/stick rw - exfat /dev/sdd1 rw\n`, ['/media/stick', '/dev/sda1']);
    assert.deepEqual([points(made), made.obstacles], [['/var/lib/my data'], []]);
    assert.equal(verdictOf(made, '/media/stick'), 'skip left-out');
  });

  it('is refused inside a container, where only files of a disk are mounted', () => {
    const table = '60 1 0:50 / / rw - overlay overlay rw\n61 60 8:1 /etc/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n';
    const made = plan(table, [], { look: ({ id, device }) => ({ isFolder: false, device, mountId: id }) });
    assert.deepEqual([points(made), verdictOf(made, '/etc/hosts')], [[], 'fail unreachable']);
  });

  it('takes another mount of a file system when one is hidden below another', () => {
    const table = `30 27 8:16 / /a rw - ext4 /dev/sdb rw\n31 30 8:32 / /a rw - ext4 /dev/sdc rw\n32 27 8:16 / /longer rw - ext4 /dev/sdb rw\n`;
    const made = plan(table, [], {
      look: ({ point, device }) => ({ isFolder: true, device, mountId: point === '/a' ? 31 : 32 }),
    });
    assert.deepEqual(points(made), ['/a', '/longer']);
  });
});

describe('a table of mounts', () => {
  it('is read with its escapes, optional fields of any number, and lines that make no sense', () => {
    const text =
      '1 0 8:1 / /a\\040b\\011c\\012d\\134e rw - ext4 /dev/x\\040y rw\n' +
      '2 0 8:2 /sub\\040vol /größe rw master:1 propagate_from:2 shared:3 - xfs /dev/z rw,ro\n' +
      'nonsense\n3 0 8:3 / relative rw - ext4 /dev/q rw\n4 0 x / /p rw - ext4 /dev/q rw\n5 0 8:5 / /p rw ext4 /dev/q rw\n';
    assert.deepEqual(parseMountinfo(text), [
      { id: 1, device: '8:1', part: '/', point: '/a b\tc\nd\\e', type: 'ext4', source: '/dev/x y', isReadOnly: false },
      { id: 2, device: '8:2', part: '/sub vol', point: '/größe', type: 'xfs', source: '/dev/z', isReadOnly: true },
    ]);
  });
});

describe('a tree', () => {
  let root = '';
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };

  it('is planned from its own files, and finds loop devices below others', () => {
    root = mkdtempSync(join(tmpdir(), 'vmbus-plan-'));
    put(
      'proc/self/mountinfo',
      '1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 253:3 / /crypt rw - ext4 /dev/mapper/c rw\n3 1 7:1 / /l rw - ext4 /dev/loop1 rw\n',
    );
    put('sys/devices/virtual/block/loop1/dev', '7:1');
    put('sys/devices/virtual/block/dm-3/dev', '253:3');
    put('sys/devices/pci/block/sda/sda1/dev', '8:1');
    mkdirSync(join(root, 'sys/devices/virtual/block/dm-3/slaves'));
    symlinkSync('../../loop1', join(root, 'sys/devices/virtual/block/dm-3/slaves/loop1'));
    mkdirSync(join(root, 'sys/dev/block'), { recursive: true });
    for (const [number, at] of Object.entries({
      '7:1': 'virtual/block/loop1',
      '253:3': 'virtual/block/dm-3',
      '8:1': 'pci/block/sda/sda1',
    }))
      symlinkSync(`../../devices/${at}`, join(root, 'sys/dev/block', number));

    const made = planBackup({ root });

    assert.deepEqual(points(made), ['/']);
    assert.equal(verdictOf(made, '/crypt'), 'skip loop');
    assert.equal(verdictOf(made, '/l'), 'skip loop');
  });

  it('without a table has nothing to freeze', () => {
    root = mkdtempSync(join(tmpdir(), 'vmbus-plan-'));
    assert.deepEqual(planBackup({ root }), { mounts: [], order: [], obstacles: [] });
    assert.throws(() => planBackup({ leaveOut: '/data' as never }), { code: 'ERR_INVALID_ARG_TYPE' });
  });
});
