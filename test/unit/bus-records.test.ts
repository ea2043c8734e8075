// SPDX-License-Identifier: MIT
// Proves what becomes of records: of crashed owners, of living ones, of earlier boots, and of forgeries.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { withLock } from '../../dist/bus/binding/lock.js';
import { createRecord, findRecord } from '../../dist/bus/binding/record.js';
import { type BindingRecord, bindDevice, listBindings, restoreDevice, restoreStale } from '../../dist/bus/index.js';
import { bindings, Scene, withCode } from './bus-scene.js';
import { balloonId } from './bus-tree.js';

test('a record is created once: the second to come gets nothing, and changes nothing', async () => {
  await using scene = await Scene.make();
  await using _binding = await bindDevice(scene.device);
  const record = listBindings(scene.tree.root)[0]?.record;
  assert.ok(record);

  assert.equal(createRecord(scene.tree.root, { ...record, previousDriver: 'other' }), false);
  assert.deepEqual(findRecord(scene.tree.root, record.device), { kind: 'sound', record });
  assert.deepEqual(scene.records, [`${balloonId}.json`]);
});

test('two pieces of work on one device wait for each other, and for nobody who is gone', async () => {
  await using scene = await Scene.make();
  const { id } = scene.device;
  const order: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    order.push(`${name} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    order.push(`${name} ends`);
  };
  scene.tree.write(`${bindings}/${id}.lock`, JSON.stringify({ pid: process.pid, pidStart: 1, bootId: 'x' }));
  await Promise.all([withLock(scene.tree.root, id, work('a')), withLock(scene.tree.root, id, work('b'))]);

  assert.deepEqual(order, ['a begins', 'a ends', 'b begins', 'b ends']);
  assert.deepEqual(scene.records, []);
});

describe('a record', () => {
  const stale = (record: BindingRecord, changes: Partial<BindingRecord>): string =>
    JSON.stringify({ ...record, ...changes });

  const taken = async (): Promise<{ scene: Scene; record: BindingRecord; path: string }> => {
    const scene = await Scene.make();
    const binding = await bindDevice(scene.device, { persist: true });
    assert.equal(binding.driver, 'uio_hv_generic');
    const record = listBindings(scene.tree.root)[0]?.record;
    assert.ok(record);
    return { scene, record, path: `${bindings}/${balloonId}.json` };
  };

  test('of a process that is gone is stale, and restoring what is stale gives the device back', async () => {
    const { scene, record, path } = await taken();
    await using _scene = scene;
    assert.deepEqual(await restoreStale(scene.tree.root), []);
    scene.tree.write(path, stale(record, { persist: false, pidStart: record.pidStart + 1 }));

    const [result] = await restoreStale(scene.tree.root);

    assert.equal(result && 'driver' in result && result.driver, 'hv_balloon');
    assert.deepEqual(scene.records, []);
  });

  test('of an earlier boot is removed and nothing is written', async () => {
    const { scene, record, path } = await taken();
    await using _scene = scene;
    scene.tree.write(path, stale(record, { bootId: 'another' }));
    const before = scene.kernel.writes.length;
    await restoreStale(scene.tree.root);

    assert.deepEqual([scene.records, scene.kernel.writes.length], [[], before]);
  });

  test('of a living process is respected, unless force is used', async () => {
    const { scene, record, path } = await taken();
    await using _scene = scene;
    const parent = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
    const pidStart = Number(parent.slice(parent.lastIndexOf(')') + 2).split(' ')[19]);
    scene.tree.write(path, stale(record, { persist: false, pid: process.ppid, pidStart }));

    await assert.rejects(
      restoreDevice(scene.device),
      withCode('ERR_VMBUS_BUSY', new RegExp(`process ${process.ppid}`)),
    );
    assert.equal((await restoreDevice(scene.device, { force: true })).driver, 'hv_balloon');
  });

  test('that is left behind by a crash is settled by the next binding', async () => {
    const { scene, record, path } = await taken();
    await using _scene = scene;
    scene.tree.write(path, stale(record, { persist: false, pidStart: 1 }));
    const binding = await bindDevice(scene.device);

    assert.equal(binding.previousDriver, 'hv_balloon');
    await binding.restore();
    assert.equal(scene.kernel.driverOf(balloonId), 'hv_balloon');
  });

  for (const [what, text] of [
    ['no JSON', '{'],
    ['another schema', '{"schema":2}'],
    ['a path for a driver', null],
    ['another device', null],
  ] as const) {
    test(`that holds ${what} is not believed`, async () => {
      const { scene, record, path } = await taken();
      await using _scene = scene;
      const forged =
        what === 'another device'
          ? { device: '52510a2d-0000-4000-8000-0000000000ff' as BindingRecord['device'] }
          : { previousDriver: '../../../../tmp' };
      scene.tree.write(path, text ?? stale(record, forged));

      assert.deepEqual(listBindings(scene.tree.root), []);
    });
  }
});
