// SPDX-License-Identifier: MIT
// Proves that a device is not taken for free because one may not look: what hides its files may have the node open.

import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { bindDevice } from '../../dist/bus/binding/driver-binding.js';
import { restoreDevice } from '../../dist/bus/binding/restore.js';
import { type Device, type DeviceUse, deviceUses, openBus } from '../../dist/bus/index.js';
import { withCode } from './bus-scene.js';
import { acpi, BusTree, balloonId, kvpId, scsiId } from './bus-tree.js';
import { lock, withoutRoot } from './without-root.js';

const containerOf = 'pid:[4026532177]';
const machine = 'pid:[4026531836]';
const sleeping = 'S 1 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 99';

/** A key-value service, whose unbinding waits for its daemon without end. */
const service = (): BusTree => {
  const tree = new BusTree();
  tree.driver('uio_hv_generic');
  tree.device({ id: kvpId, className: 'kvp', relid: 5, driver: 'hv_utils' });
  tree.folder('sys/class/misc/vmbus!hv_kvp');
  return tree;
};
const onUio = (state = '2'): BusTree => {
  const tree = new BusTree();
  tree.driver('hv_balloon');
  tree.device({ id: balloonId, className: 'balloon', relid: 1, driver: 'uio_hv_generic' });
  tree.uio(balloonId);
  tree.write(`${acpi}/${balloonId}/state`, `${state}\n`);
  return tree;
};
const disk = (): BusTree => {
  const tree = new BusTree();
  tree.driver('uio_hv_generic');
  tree.device({ id: scsiId, className: 'scsi', relid: 3, driver: 'hv_storvsc' });
  tree.disk(scsiId, 'sda', '8');
  return tree;
};
const deviceOf = (tree: BusTree): Device => {
  const [device] = openBus({ root: tree.root }).devices();
  assert.ok(device);
  return device;
};
const usesOf = (tree: BusTree): DeviceUse[] => deviceUses(deviceOf(tree));
const addProcess = (tree: BusTree, pid: number, stat: string = sleeping): void => {
  tree.folder(`proc/${pid}/fd`);
  tree.write(`proc/${pid}/cmdline`, 'daemon\0-n\0');
  tree.write(`proc/${pid}/stat`, `${pid} (a daemon) ${stat}\n`);
};
const addNamespace = (tree: BusTree, process: string, name: string): void => {
  mkdirSync(tree.path(`proc/${process}/ns`), { recursive: true });
  symlinkSync(name, tree.path(`proc/${process}/ns/pid`));
};

describe('a process that hides its files', () => {
  for (const [what, hide] of [
    ['its descriptors', (tree: BusTree) => lock(tree, 'proc/7/fd')],
    [
      'where its descriptors lead',
      (tree: BusTree) => {
        symlinkSync('/dev/null', tree.path('proc/7/fd/0'));
        lock(tree, 'proc/7/fd', 0o444);
      },
    ],
    [
      'its mappings',
      (tree: BusTree) => {
        tree.write('proc/7/maps', '');
        lock(tree, 'proc/7/maps');
      },
    ],
  ] as const) {
    test(`(${what}) is no proof that a device is free`, () => {
      using tree = service();
      addProcess(tree, 7);
      hide(tree);

      const uses = withoutRoot(tree, () => usesOf(tree));
      lock(tree, 'proc/7/fd', 0o755); // so that the tree can be removed

      assert.deepEqual(
        uses.map(({ kind, forceable }) => [kind, forceable]),
        [['hidden', false]],
      );
      assert.match(uses[0]?.detail ?? '', /can't be told for pid 7 \(daemon -n\) whether \/dev\/vmbus\/hv_kvp is open/);
      assert.match(uses[0]?.detail ?? '', /run the command as root/);
    });
  }

  test('keeps a device from being bound, whatever the force; what is hidden and what to do is said', async () => {
    using tree = service();
    for (const pid of [7, 8, 9]) {
      addProcess(tree, pid);
      lock(tree, `proc/${pid}/fd`);
    }

    const binding = withoutRoot(tree, () => bindDevice(deviceOf(tree), { dryRun: true, force: true }));

    await assert.rejects(binding, withCode('ERR_VMBUS_IN_USE', /pid 7 \(daemon -n\) and 2 more.*as root/));
  });

  test('keeps a device from being given back: unbinding an open node breaks the kernel', async () => {
    using tree = onUio();
    addProcess(tree, 7);
    lock(tree, 'proc/7/fd');

    const restoring = withoutRoot(tree, () => restoreDevice(deviceOf(tree), { dryRun: true, force: true }));

    await assert.rejects(restoring, withCode('ERR_VMBUS_PERMISSION', /pid 7 .*\/dev\/uio0.*as root/));
    const uses = withoutRoot(tree, () => usesOf(tree));
    assert.deepEqual(
      uses.map(({ kind, forceable }) => [kind, forceable]),
      [['hidden', false]],
    );
  });

  test('is overruled by force where that harms no kernel', async () => {
    using tree = disk();
    addProcess(tree, 7);
    lock(tree, 'proc/7/fd');

    const refused = withoutRoot(tree, () => bindDevice(deviceOf(tree), { dryRun: true }));
    const accept = ['restored-disks-hang'];
    const forced = withoutRoot(tree, () => bindDevice(deviceOf(tree), { dryRun: true, force: true, accept }));

    await assert.rejects(refused, withCode('ERR_VMBUS_IN_USE', /\/dev\/sda or another of its nodes is open/));
    assert.deepEqual(
      (await forced).uses.map((use) => use.kind),
      ['hidden'],
    );
  });

  for (const [what, stat] of [
    ['that has just ended', null],
    ['that waits to be buried', 'Z 1 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 99'],
    ['of the kernel itself', 'S 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 99'],
  ] as const) {
    test(`${what} hides nothing`, async () => {
      using tree = onUio();
      addProcess(tree, 7, stat ?? '');
      if (stat === null) tree.remove('proc/7/stat');
      lock(tree, 'proc/7/fd');

      assert.deepEqual(
        withoutRoot(tree, () => usesOf(tree)),
        [],
      );
      await withoutRoot(tree, () => restoreDevice(deviceOf(tree), { dryRun: true }));
    });
  }

  test('leaves the list of devices as it is', () => {
    using tree = onUio();
    addProcess(tree, 7);
    lock(tree, 'proc/7/fd');

    assert.deepEqual(
      withoutRoot(tree, () => openBus({ root: tree.root }).devices()).map((device) => device.uio?.name),
      ['uio0'],
    );
  });

  test('does not hide those that can be seen to use the device', async () => {
    using tree = onUio();
    addProcess(tree, 7);
    lock(tree, 'proc/7/fd');
    addProcess(tree, 8);
    symlinkSync('/dev/uio0', tree.path('proc/8/fd/3'));

    const restoring = withoutRoot(tree, () => restoreDevice(deviceOf(tree), { dryRun: true }));

    await assert.rejects(restoring, withCode('ERR_VMBUS_IN_USE', /daemon -n \(pid 8\) has it open/));
  });
});

describe('processes that /proc does not list', () => {
  test('outside a container may have a device open that it finds open itself', async () => {
    using tree = onUio('3');
    addProcess(tree, 1);
    addNamespace(tree, '1', containerOf);

    await assert.rejects(
      restoreDevice(deviceOf(tree), { dryRun: true }),
      withCode('ERR_VMBUS_PERMISSION', /outside this container.*pid namespace.*--pid=host/),
    );
  });

  test('have no device open whose channel is closed, as the kernel says', async () => {
    using tree = onUio('2');
    addProcess(tree, 1);
    addNamespace(tree, '1', containerOf);

    assert.deepEqual(usesOf(tree), []);
    await restoreDevice(deviceOf(tree), { dryRun: true });
  });

  test('may serve what a container would unbind, which waits for them without end', async () => {
    using tree = service();
    addProcess(tree, 1);
    addNamespace(tree, '1', containerOf);

    await assert.rejects(
      bindDevice(deviceOf(tree), { dryRun: true, force: true }),
      withCode('ERR_VMBUS_IN_USE', /outside this container.*--pid=host/),
    );
  });

  test('are all of other users where /proc is mounted so', async () => {
    using tree = onUio('3');
    addProcess(tree, 7);
    addNamespace(tree, 'self', machine);

    await assert.rejects(
      restoreDevice(deviceOf(tree), { dryRun: true }),
      withCode('ERR_VMBUS_PERMISSION', /hides the processes of others/),
    );
  });

  test('are none for the first namespace of the machine', () => {
    using tree = service();
    addProcess(tree, 1);
    addNamespace(tree, '1', machine);
    addNamespace(tree, 'self', machine);

    assert.deepEqual(usesOf(tree), []);
  });
});
