// SPDX-License-Identifier: MIT
// Proves that a record nobody can read keeps its device only until somebody says so: it is told from none, named, and put aside.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import * as library from '../../dist/bus/index.js';
import { bindDevice, listBindings, restoreDevice, restoreStale } from '../../dist/bus/index.js';
import { VmbusError } from '../../dist/errors.js';
import { bindings, Scene, withCode } from './bus-scene.js';
import { acpi, balloonId } from './bus-tree.js';

const entry = `${bindings}/${balloonId}.json`;
const remedy = new RegExp(`${balloonId}\\.json.*hv restore --force ${balloonId}`);

/** A balloon on uio_hv_generic whose record was cut short: its process and its memory of it are gone. */
async function damagedScene(damage: (scene: Scene) => void = cut): Promise<Scene> {
  const scene = await Scene.make();
  await bindDevice(scene.device, { persist: true });
  damage(scene);
  return scene;
}

const cut = (scene: Scene): void => truncateSync(scene.tree.path(entry), 20);

describe('a truncated record', () => {
  test('does not keep its device busy for ever: binding names the file and the remedy, and the remedy works', async () => {
    await using scene = await Scene.make();
    scene.tree.folder(bindings);
    scene.tree.write(entry, '{"schema":');
    await assert.rejects(bindDevice(scene.device), withCode('ERR_VMBUS_SYSTEM', remedy));
    await assert.rejects(bindDevice(scene.device, { dryRun: true }), withCode('ERR_VMBUS_SYSTEM', remedy));
    assert.deepEqual([scene.kernel.writes, scene.records], [[], [`${balloonId}.json`]]);

    await restoreDevice(scene.device, { force: true });

    assert.deepEqual(scene.records, [`${balloonId}.json.bad`]);
    assert.equal((await bindDevice(scene.device)).driver, 'uio_hv_generic');
    await restoreDevice(scene.device);
  });

  test('is not guessed over: restoring says so, and with force gives the device to its own driver', async () => {
    await using scene = await damagedScene();
    await assert.rejects(restoreDevice(scene.device), withCode('ERR_VMBUS_SYSTEM', remedy));
    assert.equal(scene.kernel.driverOf(balloonId), 'uio_hv_generic');
    const planned = await restoreDevice(scene.device, { force: true, dryRun: true });
    assert.match(planned.warnings.join(), /would be put aside/);
    assert.deepEqual(scene.records, [`${balloonId}.json`]);

    const result = await restoreDevice(scene.device, { force: true });

    assert.equal(result.driver, 'hv_balloon');
    assert.match(result.warnings.join(), /put aside as .*\.bad/);
    assert.equal(scene.kernel.overrideOf(balloonId), '');
    assert.equal(readFileSync(scene.tree.path(`${entry}.bad`), 'utf8').length, 20);
  });

  test('of a device that is gone is put aside all the same', async () => {
    await using scene = await damagedScene();
    const { device } = scene;
    scene.tree.remove(`${acpi}/${balloonId}`);

    assert.equal((await restoreDevice(device, { force: true })).driver, null);
    assert.deepEqual(scene.records, [`${balloonId}.json.bad`]);
  });

  test('is told by restoreStale, in its place', async () => {
    await using scene = await damagedScene();
    const [result] = await restoreStale(scene.tree.root);

    assert.ok(VmbusError.is(result));
    assert.match(String(result.hint), /--force/);
  });

  test('does not stop its own process from giving the device back', async () => {
    await using scene = await Scene.make();
    {
      await using _binding = await bindDevice(scene.device);
      cut(scene);
    }
    assert.equal(scene.kernel.driverOf(balloonId), 'hv_balloon');
    assert.deepEqual(scene.records, []);
  });

  for (const [what, damage] of [
    ['is damaged', cut],
    ['is gone', (scene: Scene) => rmSync(scene.tree.path(entry))],
  ] as const) {
    test(`does not stop a failed binding from being undone: the file ${what} when the kernel refuses`, async () => {
      await using scene = await Scene.make();
      scene.kernel.refusals.set('bind uio_hv_generic', [constants.errno.ENOMEM]);
      const binding = bindDevice(scene.device);
      await scene.kernel.until(() => scene.kernel.writes.some((write) => write.startsWith('unbind')));
      damage(scene);

      await assert.rejects(binding, withCode('ERR_VMBUS_BIND_REFUSED'));
      assert.equal(scene.kernel.driverOf(balloonId), 'hv_balloon');
      assert.deepEqual(scene.records, []);
    });
  }
});

describe('an unreadable record', () => {
  for (const [what, damage] of [
    ['empty', (scene: Scene) => truncateSync(scene.tree.path(entry), 0)],
    ['too long', (scene: Scene) => scene.tree.write(entry, ' '.repeat(70_000))],
    [
      'a folder',
      (scene: Scene) => {
        rmSync(scene.tree.path(entry));
        mkdirSync(scene.tree.path(entry));
      },
    ],
    [
      'a link',
      (scene: Scene) => {
        scene.tree.write(`${bindings}/other`, readFileSync(scene.tree.path(entry), 'utf8'));
        rmSync(scene.tree.path(entry));
        scene.tree.link(entry, `${bindings}/other`);
      },
    ],
    [
      'about another device',
      (scene: Scene) => {
        const text = readFileSync(scene.tree.path(entry), 'utf8');
        scene.tree.write(entry, text.replace(balloonId, '52510a2d-0000-4000-8000-0000000000ff'));
      },
    ],
  ] as const) {
    test(`that is ${what} is listed as damaged, and nothing else`, async () => {
      await using scene = await damagedScene(damage);
      const { listDamagedRecords } = library;

      assert.deepEqual(listBindings(scene.tree.root), []);
      assert.deepEqual(
        listDamagedRecords(scene.tree.root).map(({ device, path }) => [device, path]),
        [[balloonId, scene.tree.path(entry)]],
      );
      assert.equal((await restoreDevice(scene.device, { force: true })).driver, 'hv_balloon');
      assert.deepEqual(listDamagedRecords(scene.tree.root), []);
    });
  }
});
