// SPDX-License-Identifier: MIT
// Proves that binding under a root touches nothing outside of it, whatever links the tree holds, and nothing in a mere copy.

import assert from 'node:assert/strict';
import { chownSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { bindDevice, listBindings, moveChannel, openBus, restoreDevice, restoreStale } from '../../dist/bus/index.js';
import * as roots from '../../dist/bus/root.js';
import { bindings, Scene, withCode } from './bus-scene.js';
import { acpi, BusTree, balloonId } from './bus-tree.js';

/** Files that are no part of the tree. */
class Outside implements Disposable {
  readonly #tree = new BusTree();
  readonly path: string = this.#tree.path('victim');

  constructor(files: Readonly<Record<string, string>> = {}) {
    mkdirSync(this.path);
    for (const [name, text] of Object.entries(files)) writeFileSync(`${this.path}/${name}`, text);
  }

  read(name: string): string {
    return readFileSync(`${this.path}/${name}`, 'utf8');
  }

  /** Puts a link to here in the place of a folder of the tree. */
  replace(tree: BusTree, entry: string): void {
    tree.remove(entry);
    symlinkSync(this.path, tree.path(entry));
  }

  [Symbol.dispose](): void {
    this.#tree[Symbol.dispose]();
  }
}

describe('a tree whose folders are links that lead out of it', () => {
  test('gets no write through a driver’s folder', async () => {
    await using scene = await Scene.make();
    using outside = new Outside({ unbind: 'precious', bind: 'precious' });
    outside.replace(scene.tree, 'sys/bus/vmbus/drivers/hv_balloon');

    await assert.rejects(
      bindDevice(scene.device),
      withCode('ERR_VMBUS_UNSUPPORTED', /hv_balloon\/unbind leads out of the tree/),
    );
    assert.deepEqual([outside.read('unbind'), outside.read('bind')], ['precious', 'precious']);
    assert.deepEqual(scene.records, []);
  });

  test('gets no write through a channel’s folder', async () => {
    using tree = new BusTree();
    const folder = tree.device({ id: balloonId, className: 'balloon', relid: 1 });
    using outside = new Outside({ cpu: '0\n', subchannel_id: '0\n' });
    outside.replace(tree, `${folder}/channels/1`);
    const { root } = tree;

    await assert.rejects(moveChannel(openBus({ root }).device('balloon'), 1, { cpu: 1 }), { code: 'ERR_VMBUS_SYSTEM' });
    assert.equal(outside.read('cpu'), '0\n');
  });

  for (const entry of ['run', 'run/vmbus', bindings]) {
    test(`gets no record through ${entry}, and none is believed from there`, async () => {
      await using scene = await Scene.make();
      const { device } = scene;
      await bindDevice(device, { persist: true });
      using outside = new Outside();
      // What is there is as sound as a record can be: it is only not there.
      renameSync(scene.tree.path(entry), `${outside.path}/${entry.replaceAll('/', '-')}`);
      symlinkSync(`${outside.path}/${entry.replaceAll('/', '-')}`, scene.tree.path(entry));
      const before = scene.kernel.writes.length;

      assert.deepEqual(listBindings(scene.tree.root), []);
      await assert.rejects(restoreDevice(device, { force: true }), withCode('ERR_VMBUS_SYSTEM', /cannot keep records/));
      await assert.rejects(bindDevice(device, { driver: 'hv_balloon' }), withCode('ERR_VMBUS_SYSTEM', /./));
      assert.equal(scene.kernel.writes.length, before);
    });

    test(`gets no new record through ${entry}`, async () => {
      await using scene = await Scene.make();
      const { device } = scene;
      using outside = new Outside();
      mkdirSync(`${outside.path}/vmbus`);
      writeFileSync(`${outside.path}/test-tree`, '');
      writeFileSync(`${outside.path}/vmbus/test-tree`, '');
      outside.replace(scene.tree, entry);

      await assert.rejects(bindDevice(device), withCode('ERR_VMBUS_SYSTEM', /link/));
      assert.deepEqual(readdirSync(outside.path, { recursive: true }).sort(), [
        'test-tree',
        'vmbus',
        'vmbus/test-tree',
      ]);
      assert.deepEqual(scene.kernel.writes, []);
    });
  }
});

const notRoot = process.geteuid?.() !== 0 && 'only root can give files away';
for (const entry of ['', 'run', 'run/vmbus', bindings]) {
  test(`no record is kept where /${entry} is another user’s`, { skip: notRoot }, async () => {
    await using scene = await Scene.make();
    scene.tree.folder(bindings);
    chownSync(scene.tree.path(entry), 4242, 4242);

    await assert.rejects(bindDevice(scene.device), withCode('ERR_VMBUS_PERMISSION', /belongs to user 4242.*sudo -u/));
    assert.deepEqual(scene.kernel.writes, []);
  });
}

test('no record of another user is believed', { skip: notRoot }, async () => {
  await using scene = await Scene.make();
  await bindDevice(scene.device, { persist: true });
  chownSync(scene.tree.path(`${bindings}/${balloonId}.json`), 4242, 4242);

  assert.deepEqual(listBindings(scene.tree.root), []);
  await assert.rejects(restoreDevice(scene.device), withCode('ERR_VMBUS_SYSTEM', /belongs to user 4242/));
});

test('a copy of a guest’s tree is only to be read', async () => {
  await using scene = await Scene.make();
  await bindDevice(scene.device, { persist: true });
  const { device } = scene;
  const before = scene.kernel.writes.length;
  scene.tree.remove('run/vmbus/test-tree');
  const refusal = withCode('ERR_VMBUS_UNSUPPORTED', /only a copy.*--sim/);

  await assert.rejects(bindDevice(device, { driver: 'hv_balloon' }), refusal);
  await assert.rejects(bindDevice(device, { driver: 'hv_balloon', dryRun: true }), refusal);
  await assert.rejects(restoreDevice(device), refusal);
  await assert.rejects(moveChannel(device, 1, { cpu: 0 }), refusal);
  scene.tree.write(
    `${bindings}/${balloonId}.json`,
    readFileSync(scene.tree.path(`${bindings}/${balloonId}.json`), 'utf8').replace(/"bootId": "[^"]*"/, '"bootId": ""'),
  );
  const [result] = await restoreStale(scene.tree.root);
  assert.ok(refusal(result));
  assert.equal(scene.kernel.writes.length, before);
  assert.equal(readFileSync(scene.tree.path(`${acpi}/${balloonId}/channels/1/cpu`), 'utf8'), '0\n');
});

test('a root in which the kernel’s own sysfs is mounted is no copy', () => {
  using tree = new BusTree();
  tree.remove('run/vmbus/test-tree');
  assert.throws(() => roots.requireWritable(tree.root, balloonId, 'be changed'), { code: 'ERR_VMBUS_UNSUPPORTED' });
  tree.remove('sys/bus/vmbus');
  // Any folder of it will do: this machine may have no such bus.
  symlinkSync('/sys/bus', tree.path('sys/bus/vmbus'));

  roots.requireWritable(tree.root, balloonId, 'be changed');
});
