// SPDX-License-Identifier: MIT
// Proves that a device comes back however its process ends: by itself, by a signal, by an error, killed or stuck.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bindDevice, listBindings, openBus, restoreStale } from '../../dist/bus/index.js';
import { FakeKernel } from './bus-kernel.js';
import { BusTree, balloonId } from './bus-tree.js';

const child = fileURLToPath(new URL('./bus-crash-child.js', import.meta.url));

class Scene implements AsyncDisposable {
  readonly tree = new BusTree();
  readonly kernel = new FakeKernel(this.tree);

  static async make(): Promise<Scene> {
    const scene = new Scene();
    await scene.kernel.serve('uio_hv_generic');
    await scene.kernel.serve('hv_balloon', '525074dc-8985-46e2-8057-a307dc18a502');
    scene.tree.device({ id: balloonId, className: 'balloon', relid: 1, driver: 'hv_balloon' });
    return scene;
  }

  /** Runs the child until it has bound the device. */
  async run(...args: string[]) {
    const process_ = spawn(process.execPath, [child, this.tree.root, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = once(process_, 'close');
    const [said] = await Promise.race([once(process_.stdout, 'data'), ended]);
    assert.equal(String(said), 'bound\n');
    return { process: process_, ended };
  }

  isBack(): boolean {
    return this.kernel.driverOf(balloonId) === 'hv_balloon';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kernel[Symbol.asyncDispose]();
    this.tree[Symbol.dispose]();
  }
}

describe('a device comes back', { timeout: 60_000 }, () => {
  for (const [how, code] of [
    ['return', 0],
    ['exit', 7],
    ['throw', 1],
    ['worker', 5],
  ] as const) {
    test(`when its process ends by "${how}", with its own exit code ${code}`, async () => {
      await using scene = await Scene.make();
      const { ended } = await scene.run(how);

      assert.deepEqual(await ended, [code, null]);
      await scene.kernel.until(() => scene.isBack());
    });
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`when its process is ended by ${signal}, which still ends it as it would have`, async () => {
      await using scene = await Scene.make();
      const { process: running, ended } = await scene.run('wait');
      running.kill(signal);

      assert.deepEqual(await ended, [null, signal]);
      await scene.kernel.until(() => scene.isBack());
    });
  }

  test('when its process handles the signal itself, as it wishes', async () => {
    await using scene = await Scene.make();
    const { process: running, ended } = await scene.run('graceful');
    running.kill('SIGTERM');

    assert.deepEqual(await ended, [3, null]);
    await scene.kernel.until(() => scene.isBack());
  });

  test('at the next start after its process was killed', async () => {
    await using scene = await Scene.make();
    const { process: running, ended } = await scene.run('wait');
    running.kill('SIGKILL');
    await ended;
    assert.equal(listBindings(scene.tree.root)[0]?.stale, true);
    await restoreStale(scene.tree.root);

    assert.equal(scene.isBack(), true);
    assert.deepEqual(listBindings(scene.tree.root), []);
  });

  test('at its deadline, when its process is stuck', async () => {
    await using scene = await Scene.make();
    const { process: running, ended } = await scene.run('stuck', '300');
    await scene.kernel.until(() => scene.isBack());
    running.kill('SIGKILL');
    await ended;
  });

  test('at its deadline, when its process was killed', async () => {
    await using scene = await Scene.make();
    const { process: running, ended } = await scene.run('wait', '300');
    running.kill('SIGKILL');
    await ended;
    await scene.kernel.until(() => scene.isBack());
  });

  test('at its deadline, when its process has long ended and was to leave it bound', async () => {
    await using scene = await Scene.make();
    const { ended } = await scene.run('persist', '500');
    assert.deepEqual(await ended, [0, null]);
    assert.equal(scene.isBack(), false);
    await scene.kernel.until(() => scene.isBack());
  });
});

describe('a device stays', () => {
  test('when it is kept before the deadline', async () => {
    await using scene = await Scene.make();
    const binding = await bindDevice(openBus({ root: scene.tree.root }).device('balloon'), { rollbackAfterMs: 400 });
    await binding.keep();
    assert.equal(listBindings(scene.tree.root)[0]?.record.rollbackAt, null);
    // The helper would act within its deadline and one look at the record.
    await new Promise((resolve) => setTimeout(resolve, 900));

    assert.equal(scene.isBack(), false);
    await binding.restore();
    assert.equal(scene.isBack(), true);
  });

  test('with whoever took it after the deadline: restoring late does nothing', async () => {
    await using scene = await Scene.make();
    const binding = await bindDevice(openBus({ root: scene.tree.root }).device('balloon'), { rollbackAfterMs: 100 });
    await scene.kernel.until(() => scene.isBack());
    const writes = scene.kernel.writes.length;

    assert.deepEqual((await binding.restore()).steps, []);
    assert.equal(scene.kernel.writes.length, writes);
  });
});

test('handlers of the process are there only while a device is held', async () => {
  await using scene = await Scene.make();
  const count = (): number[] => ['exit', 'SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => process.listenerCount(name));
  const before = count();
  const binding = await bindDevice(openBus({ root: scene.tree.root }).device('balloon'));
  assert.deepEqual(
    count(),
    before.map((number) => number + 1),
  );
  await binding.restore();

  assert.deepEqual(count(), before);
});
