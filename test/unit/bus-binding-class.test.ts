// SPDX-License-Identifier: MIT
// Proves that on a kernel that binds by class (new_id, no driver_override) only the device asked for is taken, now and later.

import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { replaceRecord } from '../../dist/bus/binding/record.js';
import { bindDevice, listBindings, openBus, restoreDevice } from '../../dist/bus/index.js';
import { balloonClass, Scene, withCode } from './bus-scene.js';
import { acpi, balloonId } from './bus-tree.js';

const otherId = '52510a2d-0000-4000-8000-0000000000aa';

/** A kernel without driver_override, and the balloon in it. */
async function oldKernel(driver: string | null = 'hv_balloon'): Promise<Scene> {
  const scene = await Scene.make(driver);
  scene.tree.remove(`${acpi}/${balloonId}/driver_override`);
  return scene;
}

/** A second balloon. */
function addOther(scene: Scene, driver?: string): void {
  const folder = scene.tree.device({ id: otherId, className: 'balloon', relid: 2, ...(driver ? { driver } : {}) });
  scene.tree.remove(`${folder}/driver_override`);
}

const files = (scene: Scene): string[] => scene.kernel.writes.map((write) => write.split(' ').slice(0, 2).join(' '));

test('a device is taken by the id of its class, and the id is removed at once', async () => {
  await using scene = await oldKernel();
  const binding = await bindDevice(openBus({ root: scene.tree.root }).device(balloonId));
  assert.deepEqual(files(scene), [
    'new_id uio_hv_generic',
    'unbind hv_balloon',
    'bind uio_hv_generic',
    'remove_id uio_hv_generic',
  ]);
  assert.deepEqual(binding.steps.map(({ what }) => what).at(-1), 'make uio_hv_generic refuse the class again');
  assert.match(scene.kernel.writes[0] ?? '', new RegExp(balloonClass));
  assert.equal(listBindings(scene.tree.root)[0]?.record.addedId, false);
  await binding.restore();

  assert.deepEqual(files(scene).slice(4), ['unbind uio_hv_generic', 'bind hv_balloon']);
  assert.equal(scene.kernel.driverOf(balloonId), 'hv_balloon');
});

test('a device of the class that the host offers later is left alone', async () => {
  await using scene = await oldKernel();
  await using _binding = await bindDevice(scene.device);
  // Between two drivers that accept a device the order of loading decides, and uio_hv_generic may be the first.
  addOther(scene);
  scene.kernel.probe(otherId);

  assert.equal(scene.kernel.driverOf(otherId), 'hv_balloon');
});

test('a device without a driver is taken alone, too', async () => {
  await using scene = await oldKernel(null);
  await using _binding = await bindDevice(scene.device);

  assert.equal(scene.kernel.driverOf(balloonId), 'uio_hv_generic');
  assert.deepEqual(files(scene), ['new_id uio_hv_generic', 'remove_id uio_hv_generic']);
});

test('another device of the class without a driver would be taken as well: binding is refused and names it', async () => {
  await using scene = await oldKernel();
  addOther(scene);
  const device = openBus({ root: scene.tree.root }).device(balloonId);

  await assert.rejects(bindDevice(device), withCode('ERR_VMBUS_BIND_REFUSED', new RegExp(otherId)));
  await assert.rejects(bindDevice(device, { dryRun: true, force: true }), withCode('ERR_VMBUS_BIND_REFUSED'));
  assert.deepEqual([scene.kernel.writes, scene.kernel.driverOf(otherId), scene.records], [[], null, []]);
});

test('another device of the class that has a driver keeps it', async () => {
  await using scene = await oldKernel();
  addOther(scene, 'hv_balloon');
  await using _binding = await bindDevice(openBus({ root: scene.tree.root }).device(balloonId));

  assert.equal(scene.kernel.driverOf(otherId), 'hv_balloon');
});

test('a class id that somebody else added is taken for granted, and left', async () => {
  await using scene = await oldKernel();
  scene.kernel.addId('uio_hv_generic', balloonClass);
  const binding = await bindDevice(scene.device);
  await binding.restore();

  assert.deepEqual(files(scene), [
    'new_id uio_hv_generic',
    'unbind hv_balloon',
    'bind uio_hv_generic',
    'unbind uio_hv_generic',
    'bind hv_balloon',
  ]);
});

for (const [file, errno] of [
  ['bind uio_hv_generic', constants.errno.ENOMEM],
  ['remove_id uio_hv_generic', constants.errno.EIO],
] as const) {
  test(`an id is taken back when "${file}" is refused`, async () => {
    await using scene = await oldKernel();
    scene.kernel.refusals.set(file, [errno]);
    await assert.rejects(bindDevice(scene.device));

    assert.equal(
      files(scene).filter((write) => write === 'remove_id uio_hv_generic').length,
      file.startsWith('bind') ? 1 : 2,
    );
    assert.deepEqual([scene.kernel.driverOf(balloonId), scene.records], ['hv_balloon', []]);
  });
}

test('an id that a killed process left is removed with its record', async () => {
  await using scene = await oldKernel();
  await bindDevice(scene.device, { persist: true });
  const [listed] = listBindings(scene.tree.root);
  assert.ok(listed);
  scene.kernel.addId('uio_hv_generic', balloonClass);
  replaceRecord(scene.tree.root, { ...listed.record, addedId: true });
  await restoreDevice(scene.device);

  assert.deepEqual(files(scene).slice(4), ['unbind uio_hv_generic', 'remove_id uio_hv_generic', 'bind hv_balloon']);
});
