// SPDX-License-Identifier: MIT
// Proves that the command shows what keeps devices on record: a record nobody can read, which --force alone puts aside, and a
// rollback that gave up.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
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

test('lists why a rollback gave up', async () => {
  await using scene = await Scene.make();
  await bindDevice(scene.device, { persist: true });
  const entry = `${bindings}/${balloonId}.json`;
  const record = JSON.parse(readFileSync(scene.tree.path(entry), 'utf8')) as Record<string, unknown>;
  scene.tree.write(entry, JSON.stringify({ ...record, note: 'not given back for 60 minutes: in use' }));
  const { stderr } = await run(['--root', scene.tree.root, 'bindings']);

  assert.match(stderr, new RegExp(`${balloonId}: not given back for 60 minutes: in use`));
});
