// SPDX-License-Identifier: MIT
// Proves that whoever waited for a device's lock judges by what stands on record then, not by what stood there before.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, truncateSync, watch } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withLock } from '../../dist/bus/binding/lock.js';
import { createRecord, removeRecord, replaceRecord } from '../../dist/bus/binding/record.js';
import { restoreStale } from '../../dist/bus/binding/restore.js';
import { type BindingRecord, bindDevice, listBindings, restoreDevice } from '../../dist/bus/index.js';
import { bindings, Scene, withCode } from './bus-scene.js';
import { balloonId } from './bus-tree.js';

const helper = fileURLToPath(new URL('../../dist/bus/binding/rollback-main.js', import.meta.url));

/** A balloon bound for good, and its record changed as told. */
async function boundScene(changes: Partial<BindingRecord> = {}): Promise<{ scene: Scene; record: BindingRecord }> {
  const scene = await Scene.make();
  await bindDevice(scene.device, { persist: true });
  const [listed] = listBindings(scene.tree.root);
  assert.ok(listed);
  const record = { ...listed.record, ...changes };
  replaceRecord(scene.tree.root, record);
  return { scene, record };
}

/** A child's record: of a process that lives, and is not this one. */
async function livingProcess(): Promise<Pick<BindingRecord, 'pid' | 'pidStart'> & Disposable> {
  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const pidStart = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  return { pid: child.pid ?? 0, pidStart, [Symbol.dispose]: () => child.kill('SIGKILL') };
}

test('a device kept while the rollback helper waits for the lock stays', async () => {
  const { scene, record } = await boundScene({ rollbackAt: new Date().toISOString() });
  await using _scene = scene;
  const { root } = scene.tree;
  const { ended } = await withLock(root, record.device, async () => {
    // Whoever asks for the lock leaves a trace in its folder: the helper has found the rollback due by then.
    const folder = watch(scene.tree.path(bindings));
    const child = spawn(process.execPath, [helper, 'at-deadline', root, record.device, record.since]);
    while (!String((await once(folder, 'change'))[1]).startsWith(`${balloonId}.lock.`));
    folder.close();
    replaceRecord(root, { ...record, rollbackAt: null });
    return { ended: once(child, 'close') };
  });

  assert.deepEqual(await ended, [0, null]);
  assert.equal(scene.kernel.driverOf(balloonId), 'uio_hv_generic');
  assert.equal(listBindings(root).length, 1);
});

test('a device kept while restoreStale waits for the lock stays', async () => {
  const { scene, record } = await boundScene({ rollbackAt: new Date(0).toISOString(), pidStart: 1 });
  await using _scene = scene;
  const { root } = scene.tree;
  const { results } = await withLock(root, record.device, async () => {
    const pending = restoreStale(root);
    replaceRecord(root, { ...record, rollbackAt: null });
    return { results: pending };
  });

  assert.deepEqual(
    (await results).map((result) => 'steps' in result && result.steps),
    [[]],
  );
  assert.equal(scene.kernel.driverOf(balloonId), 'uio_hv_generic');
});

test('a device that a living process binds while somebody waits to restore it is refused', async () => {
  const { scene, record } = await boundScene();
  await using _scene = scene;
  using living = await livingProcess();
  const { root } = scene.tree;
  removeRecord(root, record.device);
  const { refused } = await withLock(root, record.device, async () => {
    const pending = assert.rejects(restoreDevice(scene.device), withCode('ERR_VMBUS_BUSY', /still runs/));
    const { pid, pidStart } = living;
    createRecord(root, { ...record, pid, pidStart, persist: false, since: new Date().toISOString() });
    return { refused: pending };
  });

  await refused;
  assert.equal(scene.kernel.driverOf(balloonId), 'uio_hv_generic');
});

test('keeping a device that was rolled back already says so', async () => {
  await using scene = await Scene.make();
  const binding = await bindDevice(scene.device, { rollbackAfterMs: 100 });
  await scene.kernel.until(() => scene.kernel.driverOf(balloonId) === 'hv_balloon');

  await assert.rejects(
    binding.keep(),
    withCode('ERR_VMBUS_NOT_BOUND', /given back already.*hv_balloon has it.*bind it again/),
  );
  assert.deepEqual(scene.records, []);
  assert.deepEqual((await binding.restore()).steps, []);
});

test('keeping a device mends its record where that was damaged', async () => {
  await using scene = await Scene.make();
  const binding = await bindDevice(scene.device, { rollbackAfterMs: 60_000 });
  truncateSync(scene.tree.path(`${bindings}/${balloonId}.json`), 9);
  await binding.keep();

  assert.equal(listBindings(scene.tree.root)[0]?.record.rollbackAt, null);
  await binding.restore();
});
