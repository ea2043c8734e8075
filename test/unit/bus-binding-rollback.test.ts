// SPDX-License-Identifier: MIT
// Proves that the helper which rolls a binding back tries as long as that makes sense, and says when it gave up.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncateSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { replaceRecord } from '../../dist/bus/binding/record.js';
import { type BindingRecord, bindDevice, listBindings, restoreDevice } from '../../dist/bus/index.js';
import { bindings, Scene } from './bus-scene.js';
import { acpi, balloonId } from './bus-tree.js';

const helper = fileURLToPath(new URL('../../dist/bus/binding/rollback-main.js', import.meta.url));
/** What the helper takes for its hour here. */
const patienceMs = 700;

/** A balloon bound for good, whose rollback is due, and the helper for it. */
async function dueScene(): Promise<{ scene: Scene; record: BindingRecord; start(signal: AbortSignal): ChildProcess }> {
  const scene = await Scene.make();
  await bindDevice(scene.device, { persist: true });
  const [listed] = listBindings(scene.tree.root);
  assert.ok(listed);
  const record = { ...listed.record, rollbackAt: new Date().toISOString() };
  replaceRecord(scene.tree.root, record);
  const args = [helper, 'at-deadline', scene.tree.root, record.device, record.since, String(patienceMs)];
  return { scene, record, start: (signal) => spawn(process.execPath, args, { signal, killSignal: 'SIGKILL' }) };
}

const limit = { timeout: 15_000 };

describe('a rollback', () => {
  test('that is refused for ever ends, and leaves the record with a note of why', limit, async ({ signal }) => {
    const { scene, start } = await dueScene();
    await using _scene = scene;
    scene.kernel.refusals.set('unbind uio_hv_generic', Array(1000).fill(constants.errno.EIO));
    assert.deepEqual(await once(start(signal), 'close'), [0, null]);

    const [listed] = listBindings(scene.tree.root);
    assert.match(listed?.record.note ?? '', /not given back.*unbind from uio_hv_generic: EIO/);
    assert.ok(scene.kernel.writes.filter((write) => write.startsWith('unbind uio')).length > 1);
    scene.kernel.refusals.clear();
    assert.equal((await restoreDevice(scene.device)).driver, 'hv_balloon');
  });

  test('without a bus ends, though there is a record', limit, async ({ signal }) => {
    const { scene, start } = await dueScene();
    await using _scene = scene;
    scene.tree.remove('sys/bus/vmbus');

    assert.deepEqual(await once(start(signal), 'close'), [0, null]);
  });

  test('of a device that is gone ends with its record', limit, async ({ signal }) => {
    const { scene, start } = await dueScene();
    await using _scene = scene;
    scene.tree.remove(`${acpi}/${balloonId}`);

    assert.deepEqual(await once(start(signal), 'close'), [0, null]);
    assert.deepEqual(scene.records, []);
  });

  test('whose record is damaged while it waits goes by what it knew', limit, async ({ signal }) => {
    const { scene, record, start } = await dueScene();
    await using _scene = scene;
    scene.kernel.refusals.set('unbind uio_hv_generic', [constants.errno.EIO]);
    const child = start(signal);
    await scene.kernel.until(() => scene.kernel.writes.some((write) => write.startsWith('unbind uio')));
    truncateSync(scene.tree.path(`${bindings}/${record.device}.json`), 9);

    assert.deepEqual(await once(child, 'close'), [0, null]);
    assert.equal(scene.kernel.driverOf(balloonId), 'hv_balloon');
    assert.deepEqual(scene.records, []);
  });
});
