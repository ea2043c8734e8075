// SPDX-License-Identifier: MIT
//
// Gives devices back to the drivers they were taken from: by hand, and after a crash of whoever took them.
// Called by on-demand.ts, held-binding.ts and rollback-main.ts; calls give-back.ts under the device's lock.

import { existsSync } from 'node:fs';

import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { checkDevice, checkRestoreOptions } from '../check-arguments.js';
import { hasInterfaces } from '../interface/ip-program.js';
import { planFromNow, plannedReturn } from '../interface/put-back.js';
import { readDevice } from '../read/device-reader.js';
import { requireWritable, resolveRoot, under } from '../root.js';
import type { BindingRecord, Device, InterfaceReturn, RestoreOptions, RestoreResult } from '../types.js';
import { assumedRecord } from './assumed-record.js';
import { deviceGone } from './bind-refusal.js';
import { giveBack, hasReturned, nothingToDo, planGiveBack } from './give-back.js';
import { withLock } from './lock.js';
import { isStale, refuseLivingOwner } from './ownership.js';
import { type Step, shownSteps } from './plan.js';
import { damagedError, findRecord, findRecords, hiddenError, putAside } from './record.js';
import { runSteps } from './steps.js';

/** See `restoreDevice` in on-demand.ts. */
export async function restoreDevice(
  device: Pick<Device, 'root' | 'id'>,
  options: RestoreOptions = {},
): Promise<RestoreResult> {
  const { root, id } = checkDevice(device);
  checkRestoreOptions(options);
  requireWritable(root, id, 'give a device back');
  if (options.dryRun === true || isBusGone(root)) {
    const { record, warnings } = orders(root, id, options);
    return told(warnings, record === null ? nothingToDo(root, id) : await restoreRecord(root, record, options));
  }
  const work = async (): Promise<RestoreResult> => {
    const { record, warnings } = orders(root, id, options);
    return told(
      warnings,
      record === null ? nothingToDo(root, id) : await runSteps(root, giveBack(root, record, options)),
    );
  };
  return withLock(root, id, work, { force: options.force === true });
}

/** Carries out one record. Whether it may is asked of `isDue` under the lock, of the record as it stands then. */
export async function restoreRecord(
  root: string,
  record: BindingRecord,
  options: RestoreOptions,
  isDue?: (record: BindingRecord) => boolean,
): Promise<RestoreResult> {
  if (options.dryRun === true) {
    const device = readDevice(root, record.device);
    const { steps, warnings } = planGiveBack(root, device, record, options);
    const planned = { steps: shownSteps(steps), interface: await planInterface(root, device, record, steps), warnings };
    return { device: record.device, driver: device?.driver ?? null, ...planned, dryRun: true };
  }
  // A simulated host takes its tree with it: then nobody holds anything.
  if (isBusGone(root)) return told(['the bus itself is gone'], nothingToDo(root, record.device));
  return withLock(root, record.device, () => runSteps(root, giveBack(root, record, options, isDue)));
}

/** How a card's interface would be put back: from nothing where the driver is yet to make it, else by what it lacks now. */
async function planInterface(
  root: string,
  device: Device | null,
  record: BindingRecord,
  steps: readonly Step[],
): Promise<InterfaceReturn | null> {
  const { interface: state } = record;
  if (device === null || state === undefined || !hasInterfaces(root)) return null;
  if (steps.some((step) => step.role === 'bind')) return plannedReturn(state);
  return hasReturned(root, record) ? runSteps(root, planFromNow(root, device.id, state)) : null;
}

/** See `restoreStale` in on-demand.ts. */
export async function restoreStale(root?: string): Promise<readonly (RestoreResult | VmbusError)[]> {
  const tree = resolveRoot(root);
  const results: (RestoreResult | VmbusError)[] = [];
  for (const found of findRecords(tree)) {
    if (found.kind === 'damaged') results.push(damagedError(found.damage));
    if (found.kind !== 'sound' || !isStale(found.record)) continue;
    try {
      requireWritable(tree, found.record.device, 'give a device back');
      results.push(await restoreRecord(tree, found.record, {}, isStale));
    } catch (error) {
      if (!VmbusError.is(error)) throw error;
      results.push(error);
    }
  }
  return results;
}

/** What to go by, and what to say of it. */
interface Orders {
  /** Null where there is nothing left to give back. */
  readonly record: BindingRecord | null;
  readonly warnings: readonly string[];
}

/** The record of a device, or what stands for it. Under the device's lock, except for a dry run. */
function orders(root: string, id: Guid, options: RestoreOptions): Orders {
  const { force = false, dryRun = false } = options;
  const found = findRecord(root, id);
  const device = found.kind === 'sound' ? null : readDevice(root, id);
  if (device === null && (found.kind === 'absent' || found.kind === 'hidden')) throw deviceGone(root, id);
  const assumed = (...warnings: string[]): Orders => {
    return { record: device === null ? null : assumedRecord(device), warnings };
  };
  switch (found.kind) {
    case 'sound':
      if (!force) refuseLivingOwner(found.record);
      return { record: found.record, warnings: [] };
    case 'absent':
      return assumed();
    case 'hidden':
      if (!dryRun) throw hiddenError(id, found.path);
      return assumed('whether the device is on record is hidden from you: run the command as root to see');
    case 'damaged':
      if (!force) throw damagedError(found.damage);
      if (dryRun) return assumed(`${found.damage.path} is damaged, and would be put aside`);
      return assumed(`${found.damage.path} is damaged, and was put aside as ${putAside(root, id)}`);
    default:
      return found satisfies never;
  }
}

function isBusGone(root: string): boolean {
  return !existsSync(under(root, 'sys/bus/vmbus'));
}

function told(warnings: readonly string[], result: RestoreResult): RestoreResult {
  return { ...result, warnings: [...warnings, ...result.warnings] };
}
