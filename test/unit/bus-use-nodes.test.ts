// SPDX-License-Identifier: MIT
// Proves that an open node is found whatever it is called: renamed, made elsewhere, or seen from another mount namespace.

import assert from 'node:assert/strict';
import { closeSync, openSync, symlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { deviceUses, openBus } from '../../dist/bus/index.js';
import { makeDeviceNumber, showDeviceNumber } from '../../dist/bus/use/device-number.js';
import { acpi, BusTree, balloonId, kvpId, scsiId } from './bus-tree.js';

/** Numbers of nodes that every machine has: /dev/null, /dev/full. */
const numberOfNull = '1:3';
const numberOfFull = '1:7';

const onUio = (number: string): BusTree => {
  const tree = new BusTree();
  tree.device({ id: balloonId, className: 'balloon', relid: 1, driver: 'uio_hv_generic' });
  tree.uio(balloonId);
  tree.write(`${acpi}/${balloonId}/uio/uio0/dev`, `${number}\n`);
  return tree;
};
const detailsOf = (tree: BusTree): string[] => {
  const [device] = openBus({ root: tree.root }).devices();
  assert.ok(device);
  return deviceUses(device).map((use) => use.detail);
};
const openIn = (tree: BusTree, folder: string, target: string): void => {
  tree.folder(`proc/${folder}/fd`);
  symlinkSync(target, tree.path(`proc/${folder}/fd/7`));
};

describe('a node that is open', () => {
  test('under another name is found by its number, and called by its own', () => {
    using tree = onUio(numberOfNull);
    tree.write('proc/5/comm', 'renamer\n');
    openIn(tree, '5', '/dev/null');

    assert.deepEqual(detailsOf(tree), ['/dev/uio0 is open by renamer (pid 5)']);
  });

  test('under a name that has another number now is none of ours', () => {
    using tree = onUio('240:0');
    openIn(tree, '5', '/dev/null');

    assert.deepEqual(detailsOf(tree), []);
  });

  test('is found by its number among the real processes, too', () => {
    using tree = onUio(numberOfFull);
    tree.remove('proc');
    symlinkSync('/proc', tree.path('proc'));
    const fd = openSync('/dev/full', 'r');
    try {
      assert.ok(detailsOf(tree).some((detail) => detail.endsWith(`(pid ${process.pid})`)));
    } finally {
      closeSync(fd);
    }
    assert.ok(!detailsOf(tree).some((detail) => detail.endsWith(`(pid ${process.pid})`)));
  });

  test('in threads whose first one has ended is found', () => {
    using tree = onUio('240:0');
    tree.folder('proc/5/fd');
    tree.folder('proc/5/task/5/fd');
    openIn(tree, '5/task/6', '/dev/uio0');

    assert.equal(detailsOf(tree).length, 1);
  });

  test('of a service, or of a disk, is found by its number as well', () => {
    using service = new BusTree();
    service.device({ id: kvpId, className: 'kvp', relid: 5, driver: 'hv_utils' });
    service.write('sys/class/misc/vmbus!hv_kvp/dev', `${numberOfNull}\n`);
    openIn(service, '5', '/dev/null');
    assert.deepEqual(detailsOf(service), ['/dev/vmbus/hv_kvp is open by ? (pid 5)']);

    using disk = new BusTree();
    disk.device({ id: scsiId, className: 'scsi', relid: 3, driver: 'hv_storvsc' });
    disk.disk(scsiId, 'sda', '1');
    disk.write('sys/class/block/sda/sda1/dev', `${numberOfNull}\n`);
    openIn(disk, '5', '/dev/null');
    assert.deepEqual(detailsOf(disk), [], 'a character device of that number is no disk');
  });
});

describe('a node that is mapped', () => {
  for (const [where, path] of [
    ['', '/dev/uio0'],
    [' in another mount namespace', '/uio0'],
    [' and deleted', '/dev/uio0 (deleted)'],
  ] as const) {
    test(`by its path${where} is found`, () => {
      using tree = onUio('240:0');
      tree.write('proc/6/maps', `7f00-7f40 rw-s 00000000 00:06 300    ${path}\n`);

      assert.deepEqual(detailsOf(tree), ['/dev/uio0 is mapped by ? (pid 6)']);
    });
  }

  test('under another name is found by its number', () => {
    using tree = onUio(numberOfNull);
    tree.write('proc/6/maps', '0007f000-0007f400 rw-s 00000000 00:06 300    /srv/dev/hidden\n');
    tree.folder('proc/6/map_files');
    symlinkSync('/dev/null', tree.path('proc/6/map_files/7f000-7f400'));

    assert.deepEqual(detailsOf(tree), ['/dev/uio0 is mapped by ? (pid 6)']);
  });

  test('by way of a ring file in another mount namespace is found', () => {
    using tree = onUio('240:0');
    const inMount = `/${acpi}/${balloonId}/channels/1/ring`.slice('/sys'.length);
    tree.write('proc/6/maps', `7f00-7f40 rw-s 00000000 00:14 300    ${inMount}\n`);

    assert.deepEqual(detailsOf(tree), [`/sys${inMount} is mapped by ? (pid 6)`]);
  });
});

test('a device number is put together as stat(2) does, and taken apart again', () => {
  for (const [major, minor, number] of [
    [1, 3, 0x103],
    [240, 0x12345, 0x1230f045],
    [0x1fff, 1, 0x1000_000f_ff01],
  ] as const) {
    assert.equal(makeDeviceNumber(major, minor), number);
    assert.equal(showDeviceNumber(number), `${major}:${minor}`);
  }
});
