// SPDX-License-Identifier: MIT
// Proves that a device whose own driver would come to harm when it has it again is not taken unawares.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bindDevice, type Device, openBus, restoreDevice } from '../../dist/bus/index.js';
import { FakeKernel } from './bus-kernel.js';
import { withCode } from './bus-scene.js';
import { BusTree, scsiId } from './bus-tree.js';

const scsiClass = 'ba6163d9-04a1-4d29-b605-72e2ffb1dc7f';
const hazard = 'restored-disks-hang';

/** A disk controller on its own driver, whose disks nobody uses. */
async function withController(
  work: (device: Device, kernel: FakeKernel, tree: BusTree) => Promise<void>,
): Promise<void> {
  using tree = new BusTree();
  await using kernel = new FakeKernel(tree);
  await kernel.serve('uio_hv_generic');
  await kernel.serve('hv_storvsc', scsiClass);
  tree.device({ id: scsiId, className: 'scsi', relid: 3, driver: 'hv_storvsc' });
  await work(openBus({ root: tree.root }).device(scsiId), kernel, tree);
}

describe('a disk controller', () => {
  test('hung with its disks after it had been lent, of which nobody had been told', async () => {
    await withController(async (device, kernel) => {
      const refusal = withCode('ERR_VMBUS_UNSUPPORTED', /loses completions .* --accept restored-disks-hang/s);
      await assert.rejects(bindDevice(device), refusal);
      await assert.rejects(bindDevice(device, { force: true }), refusal, 'force is for devices in use');
      await assert.rejects(bindDevice(device, { dryRun: true }), refusal);
      assert.deepEqual(kernel.writes, []);
    });
  });

  test('is taken by who accepts that, and says it once more, also when it goes back', async () => {
    await withController(async (device, kernel) => {
      const binding = await bindDevice(device, { accept: [hazard] });
      assert.match(binding.warnings.join(), /loses completions/);
      assert.equal(kernel.driverOf(scsiId), 'uio_hv_generic');
      assert.match((await binding.restore()).warnings.join(), /loses completions/);
      assert.equal(kernel.driverOf(scsiId), 'hv_storvsc');
    });
  });

  test('that no driver had is taken as it is', async () => {
    await withController(async (device, kernel, tree) => {
      tree.unbind(scsiId);
      const binding = await bindDevice(openBus({ root: device.root }).device(scsiId));
      assert.deepEqual(binding.warnings, []);
      await binding.restore();
      assert.equal(kernel.driverOf(scsiId), null);
    });
  });

  test('goes back to its driver, and says what that means, also without a record', async () => {
    await withController(async (device, kernel, tree) => {
      tree.unbind(scsiId);
      tree.bind(scsiId, 'uio_hv_generic');
      tree.uio(scsiId);
      const { driver, warnings } = await restoreDevice(device);
      assert.equal(driver, 'hv_storvsc');
      assert.match(warnings.join(), /loses completions/);
      assert.equal(kernel.driverOf(scsiId), 'hv_storvsc');
    });
  });

  test('took any word for a hazard', async () => {
    await withController(async (device) => {
      const value = { code: 'ERR_INVALID_ARG_VALUE', message: /restored-disks-hang/ };
      await assert.rejects(bindDevice(device, { accept: ['anything'] }), value);
      const type = { code: 'ERR_INVALID_ARG_TYPE' };
      await assert.rejects(bindDevice(device, { accept: hazard as unknown as string[] }), type);
    });
  });
});
