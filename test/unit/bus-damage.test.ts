// SPDX-License-Identifier: MIT
// Proves by random damage that reading a bus never throws, and that what it can't vouch for is null and marked.

import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { openBus } from '../../dist/bus/index.js';
import { acpi, BusTree, balloonId, netId, scsiId } from './bus-tree.js';

const makeTree = (): BusTree => {
  const tree = new BusTree();
  tree.device({ id: balloonId, className: 'balloon', relid: 1, driver: 'uio_hv_generic' });
  tree.uio(balloonId);
  const net = tree.device({ id: netId, className: 'net', relid: 2, driver: 'hv_netvsc', monitorId: 3 });
  tree.channel(net, 7, 1, 4);
  tree.net(netId, 'eth0');
  tree.device({ id: scsiId, className: 'scsi', relid: 3, driver: 'hv_storvsc' });
  tree.disk(scsiId, 'sda', '8');
  return tree;
};

/** Every path below the devices, deepest first, so that the numbers drawn mean the same in each run. */
const entriesOf = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? [...entriesOf(path), path] : [path];
    });

const garbage = fc.oneof(
  fc.constant(''),
  fc.constant('\0'),
  fc.constant('-1'),
  fc.constant('99999999999999999999'),
  fc.constant('(null)'),
  fc.constant('../../..'),
  fc.string({ maxLength: 64 }),
  fc.string({ unit: 'binary', maxLength: 64 }),
  fc.constant('9'.repeat(70_000)),
);
const damage = fc.record({
  entry: fc.nat(),
  how: fc.oneof(
    fc.constant({ kind: 'remove' as const }),
    fc.constant({ kind: 'folder' as const }),
    garbage.map((text) => ({ kind: 'write' as const, text })),
  ),
});

const inflict = (path: string, how: { kind: 'remove' | 'folder' } | { kind: 'write'; text: string }): void => {
  if (how.kind === 'write' && !lstatSync(path).isFile()) return;
  rmSync(path, { recursive: true, force: true });
  if (how.kind === 'folder') mkdirSync(path);
  if (how.kind === 'write') writeFileSync(path, how.text);
};

const numbers = ['relid', 'state', 'vendor', 'deviceIndex', 'numaNode', 'monitorId'] as const;

test('whatever is removed or overwritten, the bus is read, and every number is a number or null', () => {
  fc.assert(
    fc.property(fc.array(damage, { minLength: 1, maxLength: 12 }), (damages) => {
      using tree = makeTree();
      for (const { entry, how } of damages) {
        const entries = entriesOf(tree.path(acpi));
        const path = entries[entry % Math.max(1, entries.length)];
        if (path !== undefined) inflict(path, how);
      }
      for (const device of openBus({ root: tree.root }).devices()) {
        for (const name of numbers) assert.ok(device[name] === null || Number.isSafeInteger(device[name]), name);
        for (const channel of device.channels) {
          assert.ok(channel.cpu === null || Number.isSafeInteger(channel.cpu));
          assert.ok(channel.events === null || typeof channel.events === 'bigint');
        }
        JSON.stringify(device);
      }
    }),
    { numRuns: 40 },
  );
});

test('a value that is overwritten with what is no number is null and marked, exactly that one', () => {
  const files = {
    id: 'relid',
    state: 'state',
    vendor: 'vendor',
    device: 'deviceIndex',
    numa_node: 'numaNode',
  } as const;
  const noNumber = fc.string({ maxLength: 20 }).filter((text) => !/^(?:-?\d+|0x[0-9a-f]+)\n?$/.test(text));
  fc.assert(
    fc.property(fc.constantFrom(...(Object.keys(files) as (keyof typeof files)[])), noNumber, (file, text) => {
      using tree = makeTree();
      tree.write(`${acpi}/${netId}/${file}`, text);
      const device = openBus({ root: tree.root })
        .devices()
        .find((candidate) => candidate.id === netId);

      assert.equal(device?.[files[file]], null);
      const errno = text === '' || text === '\n' ? 'EINVAL' : 'EBADMSG';
      assert.deepEqual(device?.unreadable, [{ attribute: file, errno }]);
    }),
    { numRuns: 40 },
  );
});
