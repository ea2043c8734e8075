// SPDX-License-Identifier: MIT
// Proves that the bus works on a simulated host's tree as it does in a guest: reading, binding, watching, moving, rescinding.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type BusChange,
  bindDevice,
  deviceUses,
  listBindings,
  moveChannel,
  openBus,
  restoreStale,
} from '../../dist/bus/index.js';
import { openChannel } from '../../dist/channel/index.js';
import { VmbusError } from '../../dist/errors.js';
import { dynamicMemory, echo, SimulatedHost } from '../../dist/host/index.js';

type Options = Omit<ConstructorParameters<typeof SimulatedHost>[0], 'devices'>;

class Scene implements AsyncDisposable {
  readonly host: SimulatedHost;

  constructor(options: Options) {
    this.host = new SimulatedHost({ devices: [echo(), dynamicMemory()], ...options });
  }

  static async make(options: Options = {}): Promise<Scene> {
    const scene = new Scene(options);
    await scene.host.start();
    return scene;
  }

  device(name: string) {
    return openBus({ root: this.host.root }).device(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.close();
  }
}

test('devices are read without a value that makes no sense', async () => {
  await using scene = await Scene.make();
  const devices = openBus({ root: scene.host.root }).devices();

  assert.deepEqual(
    devices.map((device) => [device.class.name, device.driver, device.stateName]),
    [
      ['echo', null, 'idle'],
      ['balloon', 'hv_balloon', 'idle'],
    ],
  );
  for (const device of devices) {
    const marks = [...device.unreadable, ...device.channels.flatMap((channel) => channel.unreadable)];
    assert.deepEqual(
      marks.filter((mark) => mark.errno !== 'EINVAL'),
      [],
    );
  }
});

test('a device with a driver is taken and given back', async () => {
  await using scene = await Scene.make();
  {
    await using _binding = await bindDevice(scene.device('balloon'));
    assert.equal(scene.device('balloon').driver, 'uio_hv_generic');
    assert.equal(scene.device('balloon').uio?.maps[0]?.sizeBytes, scene.device('balloon').channels[0]?.ring?.sizeBytes);
  }
  assert.deepEqual([scene.device('balloon').driver, scene.device('balloon').driverOverride], ['hv_balloon', null]);
  assert.deepEqual(listBindings(scene.host.root), []);
});

test('a kernel that wants monitors refuses with errno 524, explained, and nothing is changed', async () => {
  await using scene = await Scene.make({ requireMonitor: true });

  await assert.rejects(bindDevice(scene.device('balloon')), { code: 'ERR_VMBUS_BIND_REFUSED', errnoName: 'ENOTSUPP' });
  assert.deepEqual([scene.device('balloon').driver, scene.device('balloon').driverOverride], ['hv_balloon', null]);
});

test('an open node is seen, keeps the device, and lets it go once it is closed', async () => {
  await using scene = await Scene.make();
  const binding = await bindDevice(scene.device('echo'));
  const channel = await openChannel(scene.device('echo'));
  assert.deepEqual(
    deviceUses(scene.device('echo')).map((use) => [use.kind, use.detail, use.forceable]),
    [['node-open', '/dev/uio0 is open by a process', false]],
  );
  await assert.rejects(binding.restore({ force: true }), { code: 'ERR_VMBUS_IN_USE' });
  assert.equal(channel.isOpen, true);

  await channel.close();
  await binding.restore();

  assert.equal(scene.device('echo').driver, null);
});

test('a channel moves while it is open, and the refusals are those of a kernel', async () => {
  await using scene = await Scene.make({ cpus: 2, bound: true });
  const { relid } = scene.device('echo');
  assert.ok(relid);
  const reason = async (cpu: number): Promise<unknown> =>
    moveChannel(scene.device('echo'), relid, { cpu }).then(
      (move) => move.to,
      (error: unknown) => VmbusError.is(error) && error.facts.reason,
    );
  assert.equal(await reason(1), 'not-open');
  const channel = await openChannel(scene.device('echo'));

  assert.equal(await reason(1), 1);
  await channel.close();
});

describe('a watch', () => {
  const collect = async (watch: AsyncIterable<BusChange>, told: string[]): Promise<void> => {
    for await (const { kind, subject } of watch) told.push(`${kind} ${subject}`);
  };

  test('tells of a device that the host withdraws while it is open', async () => {
    await using scene = await Scene.make({ bound: true });
    const bus = openBus({ root: scene.host.root });
    const { id } = bus.device('echo');
    const channel = await openChannel(bus.device('echo'));
    const watch = bus.watch();
    scene.host.rescind(id);
    const told: string[] = [];
    for await (const change of watch) {
      if (change.device === id) told.push(`${change.kind} ${change.subject}`);
      if (told.includes('removed device')) break;
    }

    assert.deepEqual(told, ['removed channel', 'removed device']);
    assert.equal((await channel.closed).by, 'rescind');
  });

  test('ends with its host', async () => {
    const scene = await Scene.make();
    const told: string[] = [];
    const collecting = collect(openBus({ root: scene.host.root }).watch(), told);
    await scene.host.close();
    await collecting;

    assert.deepEqual(told.filter((line) => line === 'removed device').length, 2);
  });
});

test('a binding outlives its host quietly', async () => {
  const scene = await Scene.make();
  const binding = await bindDevice(scene.device('balloon'));
  const { root } = scene.host;
  await scene.host.close();

  assert.deepEqual((await binding.restore()).warnings, ['the bus itself is gone']);
  assert.throws(() => openBus({ root }), { code: 'ERR_VMBUS_NOT_A_GUEST' });
  await assert.rejects(restoreStale(root), { code: 'ERR_VMBUS_NOT_A_GUEST' });
});
