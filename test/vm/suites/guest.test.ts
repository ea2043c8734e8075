// SPDX-License-Identifier: MIT
// Proves that the guest is what the other suites count on. If this fails, read nothing into the rest.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import process from 'node:process';
import { test } from 'node:test';
import { balloonDevice, driverOf, isLoaded, kernelLog, kernelName, loadModule, unloadModule } from './support/guest.js';
import { openHostMonitor, QmpError } from './support/qmp.js';

test('the kernel is of the series that was asked for', () => {
  assert.ok(os.release().startsWith(`${kernelName()}.`), `${os.release()} for ${kernelName()}`);
});

test('the kernel found Hyper-V and connected to a VMBus of version 4.0', () => {
  const log = kernelLog();

  assert.match(log, /Hypervisor detected: Microsoft Hyper-V/);
  assert.match(log, /Vmbus version:4\.0/);
});

test('two processors are there, so that channels can move between them', () => {
  assert.equal(os.cpus().length, 2);
});

test('the clock is right, also in a restored guest', () => {
  const started = Number(process.env.VMBUS_VM_STARTED);

  const lateMs = Date.now() - started;

  assert.ok(lateMs > -1000 && lateMs < 3_600_000, `${lateMs} ms after the run was started`);
});

test('the balloon is offered and belongs to nobody', () => {
  assert.equal(fs.readdirSync('/sys/bus/vmbus/devices').length, 1);
  assert.equal(driverOf(balloonDevice()), undefined);
});

test('modules can be loaded with what they depend on, and unloaded', () => {
  assert.equal(isLoaded('uio_hv_generic'), false);

  loadModule('uio_hv_generic');
  assert.equal(isLoaded('uio_hv_generic'), true);
  assert.equal(isLoaded('uio'), true);

  unloadModule('uio_hv_generic');
  unloadModule('uio');
  assert.equal(isLoaded('uio_hv_generic'), false);
});

test('a module that this kernel does not have is refused', () => {
  assert.throws(() => loadModule('no_such_module'), /not found/);
});

test('the guest commands its own host', async () => {
  await using host = await openHostMonitor();

  assert.deepEqual(await host.qmp.execute('query-status'), { running: true, status: 'running' });
  await assert.rejects(
    host.qmp.execute('no-such-command'),
    (error: unknown) => error instanceof QmpError && error.code === 'CommandNotFound',
  );
});

test('the monitor can be opened again after somebody else used it', async () => {
  for (const time of ['first', 'second']) {
    await using host = await openHostMonitor();
    const version = await host.qmp.execute('query-version');
    assert.ok(typeof version === 'object' && version !== null && 'qemu' in version, time);
  }
});
