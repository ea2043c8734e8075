// SPDX-License-Identifier: MIT
// Proves that the command shows a record nobody can read, and that --force alone puts it aside.

import assert from 'node:assert/strict';
import { readdirSync, truncateSync } from 'node:fs';
import { test } from 'node:test';
import { bindDevice } from '../../dist/bus/index.js';
import { bindings, Scene } from '../unit/bus-scene.js';
import { balloonId } from '../unit/bus-tree.js';
import { run } from './cli-run.js';

/** A balloon on uio_hv_generic whose record was cut short. */
async function damagedScene(): Promise<Scene> {
  const scene = await Scene.make();
  await bindDevice(scene.device, { persist: true });
  truncateSync(scene.tree.path(`${bindings}/${balloonId}.json`), 20);
  return scene;
}

test('lists damaged records in text and JSON, and says what puts them aside', async () => {
  await using scene = await damagedScene();
  const text = await run(['--root', scene.tree.root, 'bindings']);
  const json = await run(['--root', scene.tree.root, 'bindings', '--json']);

  assert.equal(text.status, 0);
  assert.match(text.stdout, new RegExp(`${balloonId} +damaged record .*${balloonId}\\.json`));
  assert.match(text.stderr, /hv restore --force/);
  const { bindings: held, damaged } = JSON.parse(json.stdout) as {
    bindings: readonly unknown[];
    damaged: readonly { device: string; path: string; reason: string }[];
  };
  assert.deepEqual([held, damaged.map(({ device }) => device)], [[], [balloonId]]);
});

test('restores a device with a damaged record with --force only, by name and by --all', async () => {
  for (const which of [balloonId, 'balloon', '--all']) {
    await using scene = await damagedScene();
    const refused = await run(['--root', scene.tree.root, 'restore', which]);
    assert.equal(refused.status, 1, refused.stderr);
    assert.match(refused.stderr, /--force/);
    const done = await run(['--root', scene.tree.root, 'restore', which, '--force']);

    assert.equal(done.status, 0, done.stderr);
    assert.equal(scene.kernel.driverOf(balloonId), 'hv_balloon');
    assert.deepEqual(readdirSync(scene.tree.path(bindings)), [`${balloonId}.json.bad`]);
  }
});
