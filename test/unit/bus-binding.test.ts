// SPDX-License-Identifier: MIT
// Proves that a device is taken only with a way back: recorded before, undone on failure, given back in every case.

import assert from 'node:assert/strict';
import { statSync, symlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import { bindDevice, listBindings, restoreDevice } from '../../dist/bus/index.js';
import { VmbusError } from '../../dist/errors.js';
import { bindings, Scene, withCode } from './bus-scene.js';
import { acpi, balloonId } from './bus-tree.js';

describe('binding', () => {
  test('reserves the device, takes it from its driver and gives it to uio_hv_generic, and disposing undoes all of it', async () => {
    await using scene = await Scene.make();
    {
      await using binding = await bindDevice(scene.device);

      assert.equal(scene.kernel.driverOf(balloonId), 'uio_hv_generic');
      assert.equal(scene.kernel.overrideOf(balloonId), 'uio_hv_generic');
      assert.equal(binding.previousDriver, 'hv_balloon');
      assert.deepEqual(
        binding.steps.map((step) => step.what),
        ['reserve the device for uio_hv_generic', 'unbind from hv_balloon', 'bind to uio_hv_generic'],
      );
    }
    assert.equal(scene.kernel.driverOf(balloonId), 'hv_balloon');
    assert.equal(scene.kernel.overrideOf(balloonId), '');
    assert.deepEqual(scene.records, []);
    assert.deepEqual(scene.kernel.writes, [
      `unbind hv_balloon ${balloonId}`,
      `bind uio_hv_generic ${balloonId}`,
      `unbind uio_hv_generic ${balloonId}`,
      `bind hv_balloon ${balloonId}`,
    ]);
  });

  test('leaves a device that had no driver without one', async () => {
    await using scene = await Scene.make(null);
    const binding = await bindDevice(scene.device);
    const result = await binding.restore();

    assert.deepEqual([binding.previousDriver, result.driver, scene.kernel.driverOf(balloonId)], [null, null, null]);
  });

  test('puts back an override that was there before', async () => {
    await using scene = await Scene.make();
    scene.tree.write(`${acpi}/${balloonId}/driver_override`, 'hv_balloon\n');
    await (await bindDevice(scene.device)).restore();

    assert.equal(scene.kernel.overrideOf(balloonId), 'hv_balloon');
  });

  test('puts back an override that is no name of a driver, and gives the device back', async () => {
    await using scene = await Scene.make();
    scene.tree.write(`${acpi}/${balloonId}/driver_override`, 'my driver\n');
    const binding = await bindDevice(scene.device);
    await binding.restore();
    assert.equal(scene.kernel.overrideOf(balloonId), 'my driver');
    assert.deepEqual(scene.records, []);
  });

  test('is recorded for root alone while it lasts', async () => {
    await using scene = await Scene.make();
    await using _binding = await bindDevice(scene.device);
    const [listed] = listBindings(scene.tree.root);

    assert.equal(statSync(scene.tree.path(bindings)).mode & 0o777, 0o700);
    assert.equal(statSync(scene.tree.path(`${bindings}/${balloonId}.json`)).mode & 0o777, 0o600);
    assert.deepEqual(
      [listed?.record.previousDriver, listed?.record.pid, listed?.ownerAlive, listed?.stale, listed?.currentDriver],
      ['hv_balloon', process.pid, true, false, 'uio_hv_generic'],
    );
  });

  test('dry run says what would be done and does nothing', async () => {
    await using scene = await Scene.make();
    const binding = await bindDevice(scene.device, { dryRun: true });
    await binding.restore();

    assert.equal(binding.steps.length, 3);
    assert.deepEqual([scene.kernel.writes, scene.records, scene.kernel.overrideOf(balloonId)], [[], [], '(null)']);
  });

  test('of a device that the driver has already changes nothing, then or later', async () => {
    await using scene = await Scene.make('uio_hv_generic');
    scene.tree.uio(balloonId);
    await (await bindDevice(scene.device)).restore();

    assert.deepEqual([scene.kernel.writes, scene.records], [[], []]);
    assert.equal(scene.kernel.driverOf(balloonId), 'uio_hv_generic');
  });

  test('with persist survives its disposal, and is given back by name', async () => {
    await using scene = await Scene.make();
    {
      await using _binding = await bindDevice(scene.device, { persist: true });
    }
    assert.equal(scene.kernel.driverOf(balloonId), 'uio_hv_generic');

    const result = await restoreDevice(scene.device);

    assert.equal(result.driver, 'hv_balloon');
    assert.deepEqual(scene.records, []);
  });

  test('of two at once only one gets the device', async () => {
    await using scene = await Scene.make();
    const results = await Promise.allSettled([bindDevice(scene.device), bindDevice(scene.device)]);
    const taken = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));

    // The second finds it bound, and holds nothing that it could give back.
    assert.deepEqual(taken.map((binding) => binding.steps.length).sort(), [0, 3]);
    for (const binding of taken) await binding.restore();
    assert.equal(scene.kernel.writes.filter((write) => write.startsWith('unbind hv_balloon')).length, 1);
  });
});

describe('a refusal', () => {
  const refuse = async (file: string, errno: number, code: string, pattern: RegExp): Promise<void> => {
    await using scene = await Scene.make();
    scene.kernel.refusals.set(file, [errno]);
    await assert.rejects(bindDevice(scene.device), withCode(code, pattern));

    assert.equal(scene.kernel.driverOf(balloonId), 'hv_balloon');
    assert.ok(['', '(null)'].includes(scene.kernel.overrideOf(balloonId)));
    assert.deepEqual(scene.records, []);
    assert.deepEqual(listBindings(scene.tree.root), []);
  };
  const { EACCES, EPERM, ENOMEM, ENODEV, EIO } = constants.errno;
  const cases: readonly (readonly [file: string, errno: number, code: string, pattern: RegExp])[] = [
    ['bind uio_hv_generic', 524, 'ERR_VMBUS_BIND_REFUSED', /monitor page.*6\.12/],
    ['bind uio_hv_generic', ENOMEM, 'ERR_VMBUS_BIND_REFUSED', /compact_memory/],
    ['bind uio_hv_generic', ENODEV, 'ERR_VMBUS_BIND_REFUSED', /does not accept/],
    ['bind uio_hv_generic', EACCES, 'ERR_VMBUS_PERMISSION', /root/],
    ['unbind hv_balloon', EPERM, 'ERR_VMBUS_PERMISSION', /root/],
    ['unbind hv_balloon', EIO, 'ERR_VMBUS_SYSTEM', /unbind from hv_balloon/],
  ];
  for (const [file, errno, code, pattern] of cases) {
    test(`of "${file}" with errno ${errno} is ${code}, and everything is as it was`, () =>
      refuse(file, errno, code, pattern));
  }

  test('for now is tried again', async () => {
    await using scene = await Scene.make();
    scene.kernel.refusals.set('bind uio_hv_generic', [constants.errno.EAGAIN, constants.errno.EAGAIN]);
    await using _binding = await bindDevice(scene.device);

    assert.equal(scene.kernel.writes.filter((write) => write.startsWith('bind uio_hv_generic')).length, 3);
  });

  test('that can not be undone stays on record, and is said with the first error', async () => {
    await using scene = await Scene.make();
    scene.kernel.refusals.set('bind uio_hv_generic', [524]);
    scene.kernel.refusals.set('bind hv_balloon', [constants.errno.EIO]);

    await assert.rejects(
      bindDevice(scene.device),
      (error: unknown) => VmbusError.is(error) && /hv_balloon refused/.test(String(error.facts.notUndone)),
    );
    assert.equal(listBindings(scene.tree.root).length, 1);
    assert.equal((await restoreDevice(scene.device)).driver, 'hv_balloon');
  });

  test('comes before anything is done: driver not loaded, device gone, a snapshot, hv_utils for a stranger, nonsense', async () => {
    await using scene = await Scene.make();
    const { device } = scene;
    await assert.rejects(
      bindDevice(device, { driver: 'missing' }),
      withCode('ERR_VMBUS_MODULE_MISSING', /modprobe missing/),
    );
    await assert.rejects(bindDevice(device, { driver: 'hv_utils' }), withCode('ERR_VMBUS_BIND_REFUSED', /never/));
    await assert.rejects(bindDevice(device, { driver: '../../x' }), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(bindDevice(device, { rollbackAfterMs: Number.NaN }), { code: 'ERR_OUT_OF_RANGE' });
    await assert.rejects(bindDevice(device, { signal: AbortSignal.abort(new Error('mine')) }), /mine/);
    scene.tree.write('snapshot.json', '{}');
    await assert.rejects(bindDevice(device), withCode('ERR_VMBUS_UNSUPPORTED', /--sim/));
    scene.tree.remove('snapshot.json');
    scene.tree.remove(`${acpi}/${balloonId}`);
    await assert.rejects(bindDevice(device), withCode('ERR_VMBUS_NO_DEVICE', /hv ls/));

    assert.deepEqual([scene.kernel.writes, scene.records], [[], []]);
  });

  test('is no refusal: an abort in the middle undoes what was done, and throws the reason', async () => {
    await using scene = await Scene.make();
    const controller = new AbortController();
    const binding = bindDevice(scene.device, { signal: controller.signal });
    await scene.kernel.until(() => scene.kernel.writes.length === 1);
    controller.abort(new Error('enough'));

    await assert.rejects(binding, /enough/);
    assert.equal(scene.kernel.driverOf(balloonId), 'hv_balloon');
    assert.deepEqual(scene.records, []);
  });
});

describe('giving back', () => {
  test('never happens while the node is open, not even with force; the pid and its command are named', async () => {
    await using scene = await Scene.make();
    const binding = await bindDevice(scene.device);
    scene.tree.write('proc/4242/cmdline', 'reader\0--fast\0');
    scene.tree.folder('proc/4242/fd');
    symlinkSync('/dev/uio0', scene.tree.path('proc/4242/fd/5'));
    await assert.rejects(
      binding.restore({ force: true }),
      withCode('ERR_VMBUS_IN_USE', /reader --fast \(pid 4242\).*kill 4242/),
    );
    assert.equal(scene.kernel.driverOf(balloonId), 'uio_hv_generic');

    scene.tree.remove('proc/4242/fd/5');
    scene.tree.write(
      'proc/4242/maps',
      '7f0000000000-7f0000400000 rw-s 00000000 00:06 300                        /dev/uio0\n',
    );
    await assert.rejects(binding.restore({ force: true }), withCode('ERR_VMBUS_IN_USE', /mapped/));

    scene.tree.remove('proc/4242');
    assert.equal((await binding.restore()).driver, 'hv_balloon');
  });

  test('twice is the same as once', async () => {
    await using scene = await Scene.make();
    const binding = await bindDevice(scene.device);
    await Promise.all([binding.restore(), binding.restore()]);
    await binding.restore();

    assert.equal(scene.kernel.writes.length, 4);
  });

  test('dry run tells the steps and does nothing', async () => {
    await using scene = await Scene.make();
    await using binding = await bindDevice(scene.device);
    const { steps, dryRun } = await binding.restore({ dryRun: true });

    assert.deepEqual(
      [dryRun, steps.map((step) => step.what)],
      [true, ['unbind from uio_hv_generic', 'let any driver have the device', 'bind to hv_balloon']],
    );
    assert.equal(scene.kernel.driverOf(balloonId), 'uio_hv_generic');
  });

  test('of a device that the host withdrew removes the record', async () => {
    await using scene = await Scene.make();
    const binding = await bindDevice(scene.device);
    scene.tree.remove(`${acpi}/${balloonId}`);
    const result = await binding.restore();

    assert.deepEqual([result.driver, result.steps, scene.records], [null, [], []]);
    assert.match(result.warnings[0] ?? '', /withdrew/);
  });

  test('leaves a device that somebody else has bound meanwhile', async () => {
    await using scene = await Scene.make();
    const binding = await bindDevice(scene.device);
    scene.tree.unbind(balloonId);
    scene.tree.bind(balloonId, 'other');
    const result = await binding.restore();

    assert.equal(result.driver, 'other');
    assert.match(result.warnings.join(), /bound the device to other/);
  });

  test('warns where the device was open through UIO', async () => {
    await using scene = await Scene.make();
    const binding = await bindDevice(scene.device);
    scene.tree.write(`${acpi}/${balloonId}/in_read_index`, '80\n');

    assert.match((await binding.restore()).warnings.join(), /rescind callback/);
  });

  test('of a device that the host withdraws in the middle of it gives it to nobody, and forgets it', async () => {
    await using scene = await Scene.make();
    const binding = await bindDevice(scene.device);
    const withdraw = (): number => {
      scene.tree.remove(`${acpi}/${balloonId}`);
      return constants.errno.ENODEV;
    };
    scene.kernel.refusals.set('unbind uio_hv_generic', Object.assign([], { shift: withdraw }));

    assert.match((await binding.restore()).warnings.join(), /the device is gone: the host withdrew it/);
    assert.deepEqual(scene.records, []);
  });

  test('without a record goes to the driver made for the class', async () => {
    await using scene = await Scene.make('uio_hv_generic');
    scene.tree.uio(balloonId);
    scene.tree.write(`${acpi}/${balloonId}/driver_override`, 'uio_hv_generic\n');

    assert.equal((await restoreDevice(scene.device)).driver, 'hv_balloon');
    assert.equal(scene.kernel.overrideOf(balloonId), '');
  });

  test('of a device on its own driver does nothing', async () => {
    await using scene = await Scene.make();
    const { steps, driver } = await restoreDevice(scene.device);

    assert.deepEqual([steps, driver, scene.kernel.writes], [[], 'hv_balloon', []]);
  });

  test('to a driver that is not loaded any more says so and stays on record', async () => {
    await using scene = await Scene.make();
    const binding = await bindDevice(scene.device);
    scene.tree.remove('sys/bus/vmbus/drivers/hv_balloon');

    await assert.rejects(binding.restore(), withCode('ERR_VMBUS_MODULE_MISSING', /modprobe hv_balloon/));
    assert.equal(listBindings(scene.tree.root).length, 1);
  });
});
