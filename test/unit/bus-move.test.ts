// SPDX-License-Identifier: MIT
// Proves that moving a channel writes what the kernel reads, and that each refusal names its own cause.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import { moveChannel, openBus } from '../../dist/bus/index.js';
import { VmbusError } from '../../dist/errors.js';
import { BusTree, balloonId } from './bus-tree.js';

/** A tree with four CPUs, 3 offline, and an open device whose `cpu` answers with an errno, or takes what it gets. */
class Scene implements AsyncDisposable {
  readonly tree = new BusTree();
  readonly folder = this.tree.device({ id: balloonId, className: 'balloon', relid: 1 });
  #close: () => Promise<void> = async () => {};

  constructor(state = '3') {
    this.tree.write(`${this.folder}/state`, `${state}\n`);
    this.tree.writeAll('sys/devices/system/cpu', { possible: '0-3', online: '0-2' });
  }

  get device() {
    return openBus({ root: this.tree.root }).device('balloon');
  }

  async refuseWith(errno: number): Promise<this> {
    const path = this.tree.path(`${this.folder}/channels/1/cpu`);
    this.tree.remove(`${this.folder}/channels/1/cpu`);
    const server = createServer({ allowHalfOpen: true }, (socket) =>
      socket.on('end', () => socket.end(String(errno))).resume(),
    );
    await new Promise<void>((resolve) => server.listen(path, resolve));
    this.#close = () => new Promise((resolve) => server.close(() => resolve()));
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    this.tree[Symbol.dispose]();
  }
}

const refusedFor =
  (reason: string, pattern: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(VmbusError.is(error), String(error));
    assert.equal(error.facts.reason, reason);
    assert.match(error.message, pattern);
    return true;
  };

test('a move is one decimal number, and answers where the channel was and is', async () => {
  await using scene = new Scene();
  const move = await moveChannel(scene.device, 1, { cpu: 2 });

  assert.equal(readFileSync(scene.tree.path(`${scene.folder}/channels/1/cpu`), 'utf8'), '2');
  assert.deepEqual([move.from, move.to, move.dryRun], [0, 2, false]);
});

test('a dry run writes nothing', async () => {
  await using scene = new Scene();
  const move = await moveChannel(scene.device, 1, { cpu: 2, dryRun: true });

  assert.deepEqual([move.to, move.dryRun, move.step.write], [0, true, '2']);
  assert.equal(scene.device.channels[0]?.cpu, 0);
});

describe('a refusal', () => {
  const { EINVAL, EIO, EACCES } = constants.errno;

  test('with EINVAL is for a CPU that is not there, is offline, or is isolated', async () => {
    await using scene = await new Scene().refuseWith(EINVAL);
    await assert.rejects(moveChannel(scene.device, 1, { cpu: 9 }), refusedFor('beyond', /has no CPU 9/));
    await assert.rejects(moveChannel(scene.device, 1, { cpu: 3 }), refusedFor('offline', /CPU 3 is offline/));
    await assert.rejects(moveChannel(scene.device, 1, { cpu: 1 }), refusedFor('isolated', /does not give CPU 1/));
    scene.tree.write('proc/cmdline', 'quiet isolcpus=managed_irq,domain,1-2 ro\n');
    await assert.rejects(moveChannel(scene.device, 1, { cpu: 1 }), refusedFor('isolated', /isolcpus=managed_irq/));
  });

  test('with EIO is for a channel that is not open', async () => {
    await using scene = await new Scene('2').refuseWith(EIO);
    await assert.rejects(
      moveChannel(scene.device, 1, { cpu: 1 }),
      refusedFor('not-open', /not open \(state 2, idle\)/),
    );
  });

  test('with EIO is for an old host, whatever the state', async () => {
    await using scene = await new Scene('2').refuseWith(EIO);
    scene.tree.write('dev/kmsg', '6,349,1021,-;hv_vmbus: Vmbus version:4.0\n');
    await assert.rejects(moveChannel(scene.device, 1, { cpu: 1 }), refusedFor('protocol', /VMBus 4\.0.*4\.1/));
  });

  test("with EIO is the host's own on an open channel", async () => {
    await using scene = await new Scene().refuseWith(EIO);
    scene.tree.write('dev/kmsg', '6,349,1021,-;hv_vmbus: Vmbus version:5.3\n');
    await assert.rejects(moveChannel(scene.device, 1, { cpu: 1 }), refusedFor('host', /host refused/));
  });

  test('with EACCES asks for root', async () => {
    await using scene = await new Scene().refuseWith(EACCES);
    await assert.rejects(moveChannel(scene.device, 1, { cpu: 1 }), { code: 'ERR_VMBUS_PERMISSION' });
  });

  test('is foreseen by a dry run', async () => {
    await using scene = new Scene();
    await assert.rejects(moveChannel(scene.device, 1, { cpu: 3, dryRun: true }), refusedFor('offline', /offline/));
  });

  test('comes from us for a channel that is not there, a CPU that is none, and a snapshot', async () => {
    await using scene = new Scene();
    await assert.rejects(moveChannel(scene.device, 7, { cpu: 1 }), {
      code: 'ERR_VMBUS_NO_CHANNEL',
      message: /it has: 1/,
    });
    for (const cpu of [-1, 1.5, Number.NaN, 2 ** 32])
      await assert.rejects(moveChannel(scene.device, 1, { cpu }), { code: 'ERR_OUT_OF_RANGE' });
    scene.tree.write('snapshot.json', '{}');
    await assert.rejects(moveChannel(scene.device, 1, { cpu: 1 }), { code: 'ERR_VMBUS_UNSUPPORTED' });
  });
});
