// SPDX-License-Identifier: MIT
// Proves that a process of another container, whose pid means nothing here, is not taken for dead.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withLock, withLockSync } from '../../dist/bus/binding/lock.js';
import { replaceRecord } from '../../dist/bus/binding/record.js';
import {
  type BindingRecord,
  bindDevice,
  type ListedBinding,
  listBindings,
  restoreDevice,
  restoreStale,
} from '../../dist/bus/index.js';
import { bindings, Scene, withCode } from './bus-scene.js';
import { balloonId } from './bus-tree.js';

const child = fileURLToPath(new URL('./bus-crash-child.js', import.meta.url));
const container = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'] as const;
const canContain = spawnSync(container[0], [...container.slice(1), 'true']).status === 0;
const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
const here = Number(/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]);

function only(root: string): ListedBinding {
  const [listed, second] = listBindings(root);
  assert.ok(listed && second === undefined);
  return listed;
}

/** A bound balloon whose record names a process that is not here, as told. */
async function boundScene(changes: Partial<BindingRecord>): Promise<Scene> {
  const scene = await Scene.make();
  await bindDevice(scene.device, { persist: true });
  const { record } = only(scene.tree.root);
  replaceRecord(scene.tree.root, { ...record, persist: false, pidStart: 1, ...changes });
  return scene;
}

describe('the owner of a device', () => {
  test('in another container is seen as living, by whoever would give its device back', {
    skip: !canContain && 'unshare(1) may make no pid namespace here',
  }, async () => {
    await using scene = await Scene.make();
    const { root } = scene.tree;
    const running = spawn(container[0], [...container.slice(1), process.execPath, child, root, 'wait'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(running, 'close');
    await once(running.stdout, 'data');
    try {
      assert.equal(only(root).stale, false);
      assert.deepEqual(await restoreStale(root), []);
      await assert.rejects(restoreDevice(scene.device), withCode('ERR_VMBUS_BUSY', /another container.*--force/));
      scene.tree.unbind(balloonId);
      await assert.rejects(bindDevice(scene.device), withCode('ERR_VMBUS_BUSY', /another container/));
      assert.equal(listBindings(root).length, 1);
    } finally {
      running.kill('SIGKILL');
      await ended;
    }
    assert.equal((await restoreDevice(scene.device, { force: true })).driver, 'hv_balloon');
  });

  test('in another container of the same pid and start is not taken for this process', async () => {
    await using scene = await boundScene({ pidNamespace: here + 1 });
    const { record } = only(scene.tree.root);
    replaceRecord(scene.tree.root, { ...record, pidStart: startOf(process.pid) });

    await assert.rejects(restoreDevice(scene.device), withCode('ERR_VMBUS_BUSY', /another container/));
  });

  test('in another container, of an earlier boot, is gone', async () => {
    await using scene = await boundScene({ pidNamespace: here + 1, bootId: 'another' });

    assert.equal(only(scene.tree.root).stale, true);
  });

  test('without a namespace, as older records have it, is looked for here', async () => {
    await using scene = await boundScene({});
    const { pidNamespace, ...record } = only(scene.tree.root).record;
    assert.equal(pidNamespace, here);
    replaceRecord(scene.tree.root, record);

    assert.equal(only(scene.tree.root).stale, true);
    assert.equal((await restoreStale(scene.tree.root)).length, 1);
    assert.deepEqual(scene.records, []);
  });
});

test('a lock of another container is respected, unless force is used', async () => {
  await using scene = await Scene.make();
  const { root } = scene.tree;
  const { id } = scene.device;
  const use = '11111111-0000-4000-8000-000000000001';
  const lock = { pid: 1, pidStart: 1, bootId, pidNamespace: here + 1, use };
  scene.tree.write(`${bindings}/${id}.lock`, JSON.stringify(lock));
  assert.equal(
    withLockSync(root, id, () => 'taken'),
    undefined,
  );

  assert.equal(await withLock(root, id, async () => 'taken', { force: true }), 'taken');
  assert.deepEqual(scene.records, []);
});

function startOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
}
