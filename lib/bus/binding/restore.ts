// SPDX-License-Identifier: MIT
//
// Gives devices back to the drivers they were taken from: by hand, and after a crash of whoever took them.
// Called by scripts, `hv restore`, driver-binding.ts and rollback-main.ts; calls give-back.ts under the device's lock.

import { existsSync } from 'node:fs';

import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { checkDevice, checkRestoreOptions } from '../check-arguments.js';
import { boundDriver, readDevice } from '../read/device-reader.js';
import { resolveRoot, rootKind, snapshotError, under } from '../root.js';
import type { BindingRecord, Device, ListedBinding, RestoreOptions, RestoreResult } from '../types.js';
import { deviceGone } from './bind-refusal.js';
import { assumedSince, giveBack, nothingToDo, planGiveBack } from './give-back.js';
import { withLock } from './lock.js';
import { shownSteps, uioDriver } from './plan.js';
import { bootId, isAlive, ownIdentity } from './process-identity.js';
import { readRecord, readRecords } from './record.js';
import { runSteps } from './steps.js';

/**
 * Gives a device back to the driver it had before. Without a record, a device on uio_hv_generic goes to the driver made for
 * its class; any other is left alone.
 * @throws ERR_VMBUS_IN_USE while the node is open (also with `force`), ERR_VMBUS_BUSY while the process that bound it lives,
 * ERR_VMBUS_MODULE_MISSING, ERR_VMBUS_BIND_REFUSED, ERR_VMBUS_PERMISSION
 * @category Bus
 */
export async function restoreDevice(
  device: Pick<Device, 'root' | 'id'>,
  options: RestoreOptions = {},
): Promise<RestoreResult> {
  const { root, id } = checkDevice(device);
  checkRestoreOptions(options);
  if (rootKind(root) === 'snapshot') throw snapshotError(id, 'give a device back');
  const record = readRecord(root, id) ?? assumedRecord(root, id);
  if (options.force !== true) refuseLivingOwner(record);
  return restoreRecord(root, record, options);
}

/** Carries out one record. The caller has decided that it may. */
export async function restoreRecord(
  root: string,
  record: BindingRecord,
  options: RestoreOptions,
): Promise<RestoreResult> {
  if (options.dryRun === true) {
    const device = readDevice(root, record.device);
    const { steps, warnings } = planGiveBack(root, device, record, options);
    return { device: record.device, driver: device?.driver ?? null, steps: shownSteps(steps), warnings, dryRun: true };
  }
  // A simulated host takes its tree with it: then nobody holds anything.
  if (!existsSync(under(root, 'sys/bus/vmbus')))
    return { ...nothingToDo(root, record), warnings: ['the bus itself is gone'] };
  return withLock(root, record.device, () => runSteps(giveBack(root, record, options)));
}

/** Devices held under a root, and by whom. */
export function listBindings(root?: string): ListedBinding[] {
  const tree = resolveRoot(root);
  return readRecords(tree).map((record) => {
    const ownerAlive = isAlive(record);
    return { record, currentDriver: boundDriver(tree, record.device), ownerAlive, stale: isStale(record) };
  });
}

/**
 * Gives back every device whose owner ended without doing so, and those whose rollback is overdue. What can't be given
 * back is answered as an error, in its place.
 */
export async function restoreStale(root?: string): Promise<readonly (RestoreResult | VmbusError)[]> {
  const tree = resolveRoot(root);
  const results: (RestoreResult | VmbusError)[] = [];
  for (const { record } of listBindings(tree).filter((binding) => binding.stale)) {
    try {
      results.push(await restoreRecord(tree, record, {}));
    } catch (error) {
      if (!VmbusError.is(error)) throw error;
      results.push(error);
    }
  }
  return results;
}

/** True for a record that nobody stands for any more. */
export function isStale(record: BindingRecord): boolean {
  return record.bootId !== bootId() || (!record.persist && !isAlive(record)) || isOverdue(record);
}

/** Its helper should have acted long ago: it is gone as well. */
function isOverdue(record: BindingRecord): boolean {
  const graceMs = 30_000;
  return record.rollbackAt !== null && Date.parse(record.rollbackAt) + graceMs < Date.now() && !isAlive(record);
}

function refuseLivingOwner(record: BindingRecord): void {
  if (record.persist || record.pid === process.pid || !isAlive(record)) return;
  throw new VmbusError(
    'ERR_VMBUS_BUSY',
    `process ${record.pid} bound ${record.device} and still runs; it gives the device back when it ends`,
    {
      device: record.device,
      hint: `kill ${record.pid}, or use --force`,
      facts: { pid: record.pid },
    },
  );
}

/** What a device without a record is to be: with the driver made for it. */
function assumedRecord(root: string, id: Guid): BindingRecord {
  const device = readDevice(root, id);
  if (device === null) throw deviceGone(root, id);
  const native = device.class.nativeDrivers.find((name) => name !== uioDriver) ?? null;
  const isForeign = device.driver === uioDriver && device.class.nativeDriver !== uioDriver;
  const onUio = isForeign || (device.driver === null && device.driverOverride === uioDriver);
  return {
    schema: 1,
    device: id,
    class: device.class.guid,
    driver: onUio ? uioDriver : (device.driver ?? uioDriver),
    previousDriver: onUio ? native : device.driver,
    previousOverride: null,
    wroteOverride: onUio,
    addedId: false,
    ...ownIdentity(),
    since: assumedSince,
    persist: true,
    rollbackAt: null,
    children: [],
  };
}
