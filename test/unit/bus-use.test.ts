// SPDX-License-Identifier: MIT
// Proves that a device in use is recognised as such, whatever uses it, and that a free one is not.

import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { bindDevice, type DeviceUse, deviceUses, openBus } from '../../dist/bus/index.js';
import { VmbusError } from '../../dist/errors.js';
import { acpi, BusTree, balloonId, kvpId, netId, scsiId } from './bus-tree.js';

const routeHead = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n';
const tcpHead = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

const scsi = (): BusTree => {
  const tree = new BusTree();
  tree.device({ id: scsiId, className: 'scsi', relid: 3, driver: 'hv_storvsc' });
  tree.disk(scsiId, 'sda', '8');
  return tree;
};
const net = (flags = '0x1002'): BusTree => {
  const tree = new BusTree();
  tree.device({ id: netId, className: 'net', relid: 4, driver: 'hv_netvsc' });
  tree.net(netId, 'eth0', { flags });
  return tree;
};
const usesOf = (tree: BusTree): readonly DeviceUse[] => {
  const [device] = openBus({ root: tree.root }).devices();
  assert.ok(device);
  return deviceUses(device);
};
const kindsOf = (tree: BusTree): string[] => usesOf(tree).map((use) => use.kind);
const openIn = (tree: BusTree, pid: number, target: string): void => {
  tree.folder(`proc/${pid}/fd`);
  tree.write(`proc/${pid}/cmdline`, 'daemon\0-n\0');
  symlinkSync(target, tree.path(`proc/${pid}/fd/7`));
};

describe('a disk controller', () => {
  test('whose disks nobody uses is free', () => {
    using tree = scsi();
    tree.write('proc/1/mountinfo', '22 1 254:0 / / rw - ext4 /dev/vda rw\n');
    assert.deepEqual(usesOf(tree), []);
  });

  test("is in use by a mounted partition, told by its number, in any namespace's table", () => {
    using tree = scsi();
    tree.write('proc/1/mountinfo', '22 1 8:1 / /mnt/my\\040data rw,relatime shared:1 - ext4 /dev/root rw\n');
    assert.deepEqual(
      usesOf(tree).map((use) => [use.kind, use.detail, use.forceable]),
      [['mounted', 'root is mounted on /mnt/my data', true]],
    );
  });

  test('is in use by a btrfs, whose mount has no number of a disk', () => {
    using tree = scsi();
    tree.write('dev/sda1', '');
    tree.write('proc/self/mountinfo', '22 1 0:44 / /data rw - btrfs /dev/sda1 rw\n');
    assert.deepEqual(kindsOf(tree), ['mounted']);
    tree.remove('proc/self/mountinfo');
    tree.folder('sys/fs/btrfs/1b7e/devices/sda1'); // as the second disk of one
    assert.deepEqual(kindsOf(tree), ['mounted']);
  });

  test('is in use by swap space, named through a link', () => {
    using tree = scsi();
    tree.write('dev/sda1', '');
    tree.link('dev/disk/by-uuid/1', 'dev/sda1');
    tree.write(
      'proc/swaps',
      'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/disk/by-uuid/1 partition 1000 0 -2\n',
    );
    assert.deepEqual(kindsOf(tree), ['swap']);
  });

  test('is in use by what is built on it, and by what is mounted on that', () => {
    using tree = scsi();
    tree.folder(`${acpi}/${scsiId}/host2/target2:0:0/2:0:0:0/block/sda/sda1/holders/dm-0`);
    tree.writeAll('sys/class/block/dm-0', { dev: '253:0', 'dm/name': 'vg-root' });
    tree.write('proc/1/mountinfo', '22 1 253:0 / / rw - xfs /dev/mapper/vg-root rw\n');
    assert.deepEqual(
      usesOf(tree).map((use) => use.detail),
      ['sda1 is part of dm-0 (vg-root)', 'vg-root is mounted on /'],
    );
  });

  test('is in use by a RAID of whole disks', () => {
    using tree = scsi();
    tree.folder(`${acpi}/${scsiId}/host2/target2:0:0/2:0:0:0/block/sda/holders/md0`);
    tree.writeAll('sys/class/block/md0', { dev: '9:0' });
    tree.write('proc/1/mountinfo', '22 1 9:0 / /srv rw - ext4 /dev/md0 rw\n');
    assert.deepEqual(
      usesOf(tree).map((use) => use.detail),
      ['sda is part of md0', 'md0 is mounted on /srv'],
    );
  });

  test('is in use by swap space on a logical volume', () => {
    using tree = scsi();
    tree.folder(`${acpi}/${scsiId}/host2/target2:0:0/2:0:0:0/block/sda/sda1/holders/dm-3`);
    tree.writeAll('sys/class/block/dm-3', { dev: '253:3', 'dm/name': 'vg-swap' });
    tree.write('dev/dm-3', '');
    tree.write('proc/swaps', 'Filename\tType\tSize\tUsed\tPriority\n/dev/dm-3 partition 1000 0 -2\n');
    assert.deepEqual(kindsOf(tree), ['holder', 'swap']);
  });

  test('is in use by a process that has a partition open', () => {
    using tree = scsi();
    openIn(tree, 77, '/dev/sda1');
    assert.deepEqual(
      usesOf(tree).map((use) => use.detail),
      ['/dev/sda1 is open by daemon -n (pid 77)'],
    );
  });

  test('in use can not be bound; the error names every use, and force overrules it', async () => {
    using tree = scsi();
    tree.driver('uio_hv_generic');
    tree.write('proc/1/mountinfo', '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n');
    const [device] = openBus({ root: tree.root }).devices();
    assert.ok(device);

    await assert.rejects(
      bindDevice(device, { dryRun: true }),
      (error: unknown) =>
        VmbusError.is(error) &&
        error.code === 'ERR_VMBUS_IN_USE' &&
        /sda1 is mounted on \//.test(error.message) &&
        /--force/.test(error.hint ?? ''),
    );
    const forced = await bindDevice(device, { dryRun: true, force: true, accept: ['restored-disks-hang'] });
    assert.deepEqual([forced.steps.length, forced.uses.map((use) => use.kind)], [3, ['mounted']]);
  });
});

describe('a network interface', () => {
  test('that is down, without address and partner, is free', () => {
    using tree = net();
    tree.write('proc/net/route', `${routeHead}eth9\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`);
    assert.deepEqual(usesOf(tree), []);
  });

  test('is in use by its addresses, IPv4 by their network and IPv6 by themselves', () => {
    using tree = net('0x1003');
    tree.write('proc/net/route', `${routeHead}eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n`);
    tree.write(
      'proc/net/if_inet6',
      'fe800000000000000215 5dfffe010203 02 40 20 80 eth0\nfe8000000000000002155dfffe010203 02 40 20 80     eth0\n',
    );
    assert.deepEqual(
      usesOf(tree).map((use) => use.detail),
      ['eth0 has the address fe80::215:5dff:fe01:203', 'eth0 has an address in 10.0.0.0/24'],
    );
  });

  test('is in use by the default route, of either family', () => {
    using tree = net('0x1003');
    tree.write('proc/net/route', `${routeHead}eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`);
    tree.write(
      'proc/net/ipv6_route',
      `${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 fe80000000000000000000000000abcd 00000400 00000001 00000000 00000003     eth0\n`,
    );
    assert.deepEqual(kindsOf(tree), ['default-route', 'default-route']);
  });

  test('is in use by logins whose way leads through it, and not by others', () => {
    using tree = net('0x1003');
    tree.write(
      'proc/net/route',
      `${routeHead}eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\neth9\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`,
    );
    const line = (remote: string, state: string): string =>
      `   0: 0500000A:0016 ${remote}:C350 ${state} 00000000:00000000 00:00000000 00000000     0        0 1\n`;
    // 10.0.0.9 comes over eth0; 192.0.2.1 over the other; 127.0.0.1 over none; a listening socket is no login.
    tree.write(
      'proc/net/tcp',
      tcpHead + line('0900000A', '01') + line('010200C0', '01') + line('0100007F', '01') + line('00000000', '0A'),
    );
    assert.deepEqual(
      usesOf(tree)
        .filter((use) => use.kind === 'login')
        .map((use) => use.detail),
      ['somebody is logged in from 10.0.0.9 through eth0'],
    );
  });

  test('is in use by the very login that asks', () => {
    using tree = net('0x1003');
    tree.write('proc/net/if_inet6', '20010db8000000000000000000000005 02 40 00 80 eth0\n');
    process.env.SSH_CONNECTION = '2001:db8::9 50000 2001:db8::5 2222';
    try {
      assert.deepEqual(
        usesOf(tree)
          .filter((use) => use.kind === 'login')
          .map((use) => use.detail),
        ['you are logged in from 2001:db8::9 through eth0'],
      );
    } finally {
      delete process.env.SSH_CONNECTION;
    }
  });

  test('is in use as part of a bond, with the addresses of the bond', () => {
    using tree = net('0x1003');
    tree.folder('sys/class/net/bond0');
    tree.link('sys/class/net/eth0/upper_bond0', 'sys/class/net/bond0');
    tree.link('sys/class/net/eth0/master', 'sys/class/net/bond0');
    tree.write('proc/net/route', `${routeHead}bond0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n`);
    assert.deepEqual(
      usesOf(tree).map((use) => use.detail),
      ['eth0 is up and part of bond0', 'bond0 has an address in 10.0.0.0/24, which stands on eth0'],
    );
  });

  test('is in use by the address of a VLAN on the bridge that it is part of', () => {
    using tree = net('0x1002');
    for (const [lower, upper] of [
      ['eth0', 'br0'],
      ['br0', 'br0.7'],
    ] as const) {
      tree.folder(`sys/class/net/${upper}`);
      tree.link(`sys/class/net/${lower}/upper_${upper}`, `sys/class/net/${upper}`);
    }
    tree.write('proc/net/if_inet6', '20010db8000000000000000000000005 02 40 00 80 br0.7\n');

    assert.deepEqual(
      usesOf(tree).map((use) => use.detail),
      ['br0.7 has the address 2001:db8::5, which stands on eth0'],
    );
  });

  test('is in use by its accelerated twin, told by the link or by the same MAC address', () => {
    using tree = net();
    tree.writeAll('sys/class/net/enP1', { address: '00:15:5d:01:02:03' });
    tree.folder('sys/class/net/enP1/device');
    assert.deepEqual(
      usesOf(tree).map((use) => use.detail),
      ['eth0 has the same MAC address as enP1'],
    );
    tree.link('sys/class/net/eth0/lower_enP1', 'sys/class/net/enP1');
    assert.deepEqual(
      usesOf(tree).map((use) => use.detail),
      ['eth0 carries its traffic over enP1'],
    );
  });
});

describe('an integration service', () => {
  test('with its daemon can not be taken, whatever the force: unbinding would wait for it for ever', async () => {
    using tree = new BusTree();
    tree.driver('uio_hv_generic');
    tree.device({ id: kvpId, className: 'kvp', relid: 5, driver: 'hv_utils' });
    tree.folder('sys/class/misc/vmbus!hv_kvp');
    assert.deepEqual(usesOf(tree), []);
    openIn(tree, 99, '/dev/vmbus/hv_kvp');

    assert.deepEqual(usesOf(tree), [
      { kind: 'node-open', detail: '/dev/vmbus/hv_kvp is open by daemon -n (pid 99)', forceable: false },
    ]);
    const [device] = openBus({ root: tree.root }).devices();
    assert.ok(device);
    await assert.rejects(bindDevice(device, { dryRun: true, force: true }), { code: 'ERR_VMBUS_IN_USE' });
  });
});

describe('a device without a driver', () => {
  test('is free, whatever there is around it', () => {
    using tree = new BusTree();
    tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    openIn(tree, 5, '/dev/uio0');
    assert.deepEqual(usesOf(tree), []);
  });
});

describe('a device on UIO', () => {
  test('is in use by whoever has its node or a ring of it', () => {
    using tree = new BusTree();
    const folder = tree.device({ id: balloonId, className: 'balloon', relid: 1, driver: 'uio_hv_generic' });
    tree.uio(balloonId);
    openIn(tree, 5, '/dev/uio0 (deleted)');
    tree.write('proc/6/maps', `7f00-7f40 rw-s 00000000 00:14 300    /${folder}/channels/1/ring\n`);
    tree.write('proc/6/comm', 'mapper\n');
    tree.write('proc/7/maps', '7f00-7f40 rw-s 00000000 00:14 300    /dev/uio00\n');
    assert.deepEqual(
      usesOf(tree).map((use) => use.detail),
      ['/dev/uio0 is open by daemon -n (pid 5)', `/${folder}/channels/1/ring is mapped by mapper (pid 6)`],
    );
  });
});
