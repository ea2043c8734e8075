// SPDX-License-Identifier: MIT
// Proves that the bus is read as the kernel shows it: every attribute typed, nothing thrown, nothing made up.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { openBus } from '../../dist/bus/index.js';
import { VmbusError } from '../../dist/errors.js';
import { acpi, BusTree, balloonId, kvpId, netId, scsiId } from './bus-tree.js';

const ringFiles = [
  'in_intr_mask',
  'in_read_index',
  'in_write_index',
  'in_read_bytes_avail',
  'in_write_bytes_avail',
  'out_intr_mask',
  'out_read_index',
  'out_write_index',
  'out_read_bytes_avail',
  'out_write_bytes_avail',
];

const only = (tree: BusTree) => {
  const [device] = openBus({ root: tree.root }).devices();
  assert.ok(device);
  return device;
};

describe('a device that nobody opened', () => {
  test('has every attribute in its own type, as a QEMU balloon shows them', () => {
    using tree = new BusTree();
    const folder = tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    const device = only(tree);

    assert.equal(device.id, balloonId);
    assert.deepEqual(
      [device.class.name, device.class.title, device.class.nativeDriver],
      ['balloon', '[Dynamic memory]', 'hv_balloon'],
    );
    assert.deepEqual([device.relid, device.state, device.stateName], [1, 2, 'idle']);
    assert.equal(device.modalias, 'vmbus:dc7450528589e2468057a307dc18a502');
    assert.deepEqual([device.vendor, device.deviceIndex, device.numaNode], [0x1414, 0xf, 0]);
    assert.deepEqual(device.cpuMap, [{ relid: 1, cpu: 0 }]);
    assert.deepEqual([device.driver, device.driverOverride, device.uio, device.monitorId], [null, null, null, null]);
    assert.deepEqual(device.children, []);
    assert.equal(device.path, tree.path(folder));
    assert.deepEqual(device.unreadable, []);
  });

  test('has one channel, slow, without ring figures', () => {
    using tree = new BusTree();
    tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    const [channel, ...others] = only(tree).channels;

    assert.equal(others.length, 0);
    assert.deepEqual(
      [channel?.relid, channel?.isPrimary, channel?.signalling, channel?.cpu],
      [1, true, 'hypercall', 0],
    );
    assert.deepEqual(
      [channel?.interrupts, channel?.events, channel?.inMask, channel?.monitorId, channel?.ring],
      [0n, 0n, null, null, null],
    );
  });
});

describe('an open device', () => {
  test('shows its rings, and words printed as negative numbers as the words that they are', () => {
    using tree = new BusTree();
    const folder = tree.device({ id: netId, className: 'net', relid: 12, monitorId: 5 });
    tree.writeAll(folder, { state: '3', ...Object.fromEntries(ringFiles.map((name, i) => [name, String(i * 8)])) });
    const device = only(tree);

    assert.equal(device.stateName, 'open');
    assert.deepEqual(device.in, {
      interruptMask: 0,
      readIndex: 8,
      writeIndex: 16,
      readBytesAvail: 24,
      writeBytesAvail: 32,
    });
    assert.deepEqual(device.out, {
      interruptMask: 40,
      readIndex: 48,
      writeIndex: 56,
      readBytesAvail: 64,
      writeBytesAvail: 72,
    });
    assert.deepEqual(device.clientMonitor, { pending: 0x8000_0000, latency: 200, connectionId: 65554 });
    assert.equal(device.channels[0]?.signalling, 'monitor');
  });

  test('lists its primary channel first, then the others by their index', () => {
    using tree = new BusTree();
    const folder = tree.device({ id: netId, className: 'net', relid: 40 });
    tree.channel(folder, 13, 2);
    tree.channel(folder, 27, 1);
    tree.write(`${folder}/channel_vp_mapping`, '40:0\n27:1\n13:0\n');
    tree.write(`${folder}/channels/27/ring`, 'x'.repeat(64));
    const device = only(tree);

    assert.deepEqual(
      device.channels.map((channel) => [channel.relid, channel.isPrimary]),
      [
        [40, true],
        [27, false],
        [13, false],
      ],
    );
    assert.equal(device.channels[1]?.ring?.sizeBytes, 64);
    assert.deepEqual(device.cpuMap, [
      { relid: 40, cpu: 0 },
      { relid: 27, cpu: 1 },
      { relid: 13, cpu: 0 },
    ]);
  });

  test('on UIO shows node and maps with sizes in bytes', () => {
    using tree = new BusTree();
    tree.device({ id: balloonId, className: 'balloon', relid: 1, driver: 'uio_hv_generic' });
    tree.uio(balloonId);
    const { uio, driver } = only(tree);

    assert.equal(driver, 'uio_hv_generic');
    assert.equal(uio?.node, tree.path('dev/uio0'));
    assert.deepEqual([uio?.version, uio?.event], ['0.02.1', 0]);
    assert.deepEqual(
      uio?.maps.map((map) => [map.index, map.name, map.sizeBytes]),
      [
        [0, 'txrx_rings', 4194304],
        [1, 'int_page', 4096],
        [2, 'monitor_page', 4096],
      ],
    );
  });
});

describe('children', () => {
  test('are found by what they are, however deep, and never through links', () => {
    using tree = new BusTree();
    tree.device({ id: scsiId, className: 'scsi', relid: 3, driver: 'hv_storvsc' });
    tree.disk(scsiId, 'sda', '8');
    tree.device({ id: netId, className: 'net', relid: 4, driver: 'hv_netvsc' });
    tree.net(netId, 'eth0');
    tree.link(`${acpi}/${scsiId}/elsewhere`, `${acpi}/${netId}`);
    const [scsi, net] = openBus({ root: tree.root }).devices();

    assert.deepEqual(scsi?.children, [
      { kind: 'block', name: 'sda', title: 'Virtual Disk' },
      { kind: 'scsi_host', name: 'host2', title: null },
    ]);
    assert.deepEqual(net?.children, [{ kind: 'net', name: 'eth0', title: null }]);
  });

  test('of the integration services are found by class, because they have no parent', () => {
    using tree = new BusTree();
    tree.device({ id: kvpId, className: 'kvp', relid: 5, driver: 'hv_utils' });
    tree.folder('sys/class/misc/vmbus!hv_kvp');

    assert.deepEqual(only(tree).children, [{ kind: 'misc', name: 'vmbus/hv_kvp', title: null }]);
  });
});

describe('the bus', () => {
  test('orders devices by relid and puts those without one last', () => {
    using tree = new BusTree();
    tree.device({ id: netId, className: 'net', relid: 9 });
    const folder = tree.device({ id: scsiId, className: 'scsi', relid: 3 });
    tree.device({ id: balloonId, className: 'balloon', relid: 5 });
    const order = (): (string | undefined)[] =>
      openBus({ root: tree.root })
        .devices()
        .map((device) => device.class.name);
    assert.deepEqual(order(), ['scsi', 'balloon', 'net']);

    tree.write(`${folder}/id`, '-1\n'); // while invalidated across hibernation

    assert.deepEqual(order(), ['balloon', 'net', 'scsi']);
  });

  test('says what stands behind its root', () => {
    using tree = new BusTree();
    assert.equal(openBus({ root: tree.root }).kind, 'guest');
    tree.write('snapshot.json', '{}');
    assert.equal(openBus({ root: tree.root }).kind, 'snapshot');
    tree.write('run/vmbus/host.json', '{}');
    assert.equal(openBus({ root: tree.root }).kind, 'simulated');
  });

  test('tells of hibernation, and of a kernel that knows none', () => {
    using tree = new BusTree();
    const bus = openBus({ root: tree.root });
    assert.equal(bus.hibernation, false);
    tree.write('sys/bus/vmbus/hibernation', '1\n');
    assert.equal(bus.hibernation, true);
    tree.remove('sys/bus/vmbus/hibernation');
    assert.equal(bus.hibernation, null);
  });

  test('is refused where there is none, with a hint', () => {
    using tree = new BusTree();
    tree.remove('sys/bus/vmbus');

    assert.throws(
      () => openBus({ root: tree.root }),
      (error: unknown) =>
        VmbusError.is(error) && error.code === 'ERR_VMBUS_NOT_A_GUEST' && /hv info/.test(error.hint ?? ''),
    );
    assert.throws(() => openBus({ root: `${tree.root}/missing` }), { code: 'ERR_VMBUS_NOT_A_GUEST' });
    assert.throws(() => openBus({ root: 7 as unknown as string }), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  test('leaves out a link that leads out of its root, and an entry that is no GUID', () => {
    using tree = new BusTree();
    using other = new BusTree();
    const folder = other.device({ id: netId, className: 'net', relid: 1 });
    symlinkSync(other.path(folder), tree.path(`sys/bus/vmbus/devices/${netId}`));
    mkdirSync(tree.path('sys/bus/vmbus/devices/not-a-guid'));

    assert.deepEqual(openBus({ root: tree.root }).devices(), []);
  });

  test('gives JSON with counters as numbers and without the root', () => {
    using tree = new BusTree();
    const folder = tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    tree.write(`${folder}/channels/1/interrupts`, '18446744073709551615\n');
    tree.write(`${folder}/channels/1/events`, '7\n');
    const json = JSON.parse(JSON.stringify(only(tree))) as {
      root?: string;
      channels: { events: unknown; interrupts: unknown }[];
    };

    assert.equal(json.root, undefined);
    assert.deepEqual([json.channels[0]?.events, json.channels[0]?.interrupts], [7, '18446744073709551615']);
    assert.match(inspect(only(tree)), /^Device \{/);
  });
});

describe('what cannot be read', () => {
  const badValues: readonly (readonly [attribute: string, text: string])[] = [
    ['id', '1x\n'],
    ['id', '99999999999\n'],
    ['id', '0x1\n'],
    ['state', ' 2\n'],
    ['state', '2\n2\n'],
    ['vendor', '5140\n'],
    ['numa_node', '1e3\n'],
    ['modalias', 'vmbus:00\n'],
    ['class_id', '{zz}\n'],
    ['device_id', `{${netId}}\n`],
    ['channel_vp_mapping', '1:0\nx\n'],
    ['driver_override', 'a\u0007b\n'],
  ];
  for (const [attribute, text] of badValues) {
    test(`${attribute} of ${JSON.stringify(text)} is marked, and nothing is made of it`, () => {
      using tree = new BusTree();
      const folder = tree.device({ id: balloonId, className: 'balloon', relid: 1 });
      tree.write(`${folder}/${attribute}`, text);
      const device = only(tree);

      assert.deepEqual(device.unreadable, [{ attribute, errno: 'EBADMSG' }]);
    });
  }

  test('is empty in a tree of regular files where the kernel would answer EINVAL', () => {
    using tree = new BusTree();
    const folder = tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    tree.write(`${folder}/in_read_index`, '');
    tree.write(`${folder}/channels/1/events`, '');
    const device = only(tree);

    assert.deepEqual(device.unreadable, [{ attribute: 'in_read_index', errno: 'EINVAL' }]);
    assert.deepEqual(device.channels[0]?.unreadable, [{ attribute: 'events', errno: 'EINVAL' }]);
  });

  test("keeps the system's errno: a folder in an attribute's place", () => {
    using tree = new BusTree();
    const folder = tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    tree.folder(`${folder}/in_read_index`);
    const device = only(tree);

    assert.deepEqual(device.unreadable, [{ attribute: 'in_read_index', errno: 'EISDIR' }]);
    assert.equal(device.in.readIndex, null);
  });

  test('does not hang on a pipe and does not swallow a file of megabytes', () => {
    using tree = new BusTree();
    const folder = tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    tree.write(`${folder}/state`, '2'.repeat(3_000_000));
    tree.remove(`${folder}/vendor`);
    execFileSync('mkfifo', [tree.path(`${folder}/vendor`)]);

    assert.deepEqual(
      only(tree)
        .unreadable.map(({ attribute, errno }) => `${attribute} ${errno}`)
        .sort(),
      ['state EBADMSG', 'vendor EINVAL'],
    );
  });

  test('is told of the class by modalias when class_id is gone', () => {
    using tree = new BusTree();
    const folder = tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    tree.remove(`${folder}/class_id`);

    assert.equal(only(tree).class.name, 'balloon');
  });

  test('is a device that goes while it is listed: it is left out', () => {
    using tree = new BusTree();
    tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    const folder = tree.device({ id: netId, className: 'net', relid: 2 });
    rmSync(tree.path(folder), { recursive: true }); // the link in bus/vmbus/devices still stands

    assert.deepEqual(
      openBus({ root: tree.root })
        .devices()
        .map((device) => device.id),
      [balloonId],
    );
  });

  test('is a channel that goes before it is asked for: the list is shorter', () => {
    using tree = new BusTree();
    const folder = tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    const device = only(tree);
    rmSync(tree.path(`${folder}/channels/1`), { recursive: true });
    writeFileSync(tree.path(`${folder}/channels/junk`), '');

    assert.deepEqual(device.channels, []);
  });
});
