// SPDX-License-Identifier: MIT
// Proves what happens when the balloon goes between drivers: to its own, to uio_hv_generic and back.
// Gets a boot of its own, because a device that was taken away while open can't be opened again until the next boot.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, test } from 'node:test';
import { KERNELS_WITH_SLOW_UIO } from '../suites.js';
import {
  attribute,
  balloonDevice,
  bindToUio,
  driverFile,
  driverOf,
  kernelLog,
  kernelName,
  loadModule,
  unbindFromUio,
  unloadModule,
} from './support/guest.js';
import { openHostMonitor } from './support/qmp.js';

const device = balloonDevice();
const hasUio = KERNELS_WITH_SLOW_UIO.includes(kernelName());

const reportReachesHost = async (): Promise<unknown> => {
  await using host = await openHostMonitor();
  return (await host.qmp.event('HV_BALLOON_STATUS_REPORT')).data;
};

const isReport = (data: unknown): boolean =>
  typeof data === 'object' && data !== null && 'available' in data && Number(data.available) > 0;

test('its own driver takes the balloon as soon as it is loaded, and reports to the host', async () => {
  loadModule('hv_balloon', 'pressure_report_delay=0'); // else it says nothing for 45 s

  assert.equal(driverOf(device), 'hv_balloon');
  assert.equal(attribute(device.folder, 'state'), '3');
  assert.ok(isReport(await reportReachesHost()));
});

test('its own driver cannot be unloaded, but lets go when it is told to', () => {
  assert.throws(() => unloadModule('hv_balloon'), /busy/);

  fs.writeFileSync(driverFile('hv_balloon', 'unbind'), device.guid);

  assert.equal(driverOf(device), undefined);
  assert.equal(attribute(device.folder, 'state'), '2');
});

describe('after uio_hv_generic had it', { skip: !hasUio && 'this kernel refuses channels without a monitor' }, () => {
  test('its own driver works again, if the node was closed before', async () => {
    const descriptor = fs.openSync(bindToUio(), 'r+');
    fs.closeSync(descriptor);
    unbindFromUio();

    fs.writeFileSync(driverFile('hv_balloon', 'bind'), device.guid);

    assert.equal(driverOf(device), 'hv_balloon');
    assert.ok(isReport(await reportReachesHost()));
    fs.writeFileSync(driverFile('hv_balloon', 'unbind'), device.guid);
  });

  test('an open node fails with EIO once its device is taken away, and the device cannot be opened again', () => {
    const node = bindToUio();
    const descriptor = fs.openSync(node, 'r+');

    fs.writeFileSync(driverFile('uio_hv_generic', 'unbind'), device.guid);

    assert.throws(() => fs.readSync(descriptor, Buffer.alloc(4)), { code: 'EIO' });
    assert.equal(fs.existsSync(node), false);
    fs.closeSync(descriptor);
    fs.writeFileSync(driverFile('uio_hv_generic', 'bind'), device.guid);
    assert.throws(() => fs.openSync(node, 'r+'), { code: 'EINVAL' });
  });
});

test('the kernel found nothing to complain about', () => {
  assert.doesNotMatch(kernelLog(), /BUG:|Oops|WARNING:|Call Trace/);
});
