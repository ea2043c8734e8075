// SPDX-License-Identifier: MIT
//
// Takes a device from its driver, so that a script can open it, and sees to it that it is given back.
// Called by on-demand.ts and everything that opens channels; calls examine.ts (may we?), remember.ts and record.ts (what
// to give back), plan.ts and steps.ts (how), exit-guard.ts and rollback-helper.ts (whatever happens to us).
// Order: check, write the record, take, wait for the node. A failure at any point undoes everything before it.

import { isMainThread } from 'node:worker_threads';

import { checkFlag, checkInteger, checkLimits, checkOptionNames, checkText } from '../../check.js';
import { invalidType, invalidValue, VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { checkDevice } from '../check-arguments.js';
import { type Remembered, rememberInterface, tooMuch } from '../interface/remember.js';
import { acceptableHazards, kernelHazards } from '../kernel/known-kernels.js';
import { boundDriver } from '../read/device-reader.js';
import { requireWritable } from '../root.js';
import type { BindingRecord, BindOptions, Device, DeviceBinding, DeviceUse, InterfaceState } from '../types.js';
import { examine, harmOfTaking, hasOverride, type Request, refuseAddresses } from './examine.js';
import { guard, unguard } from './exit-guard.js';
import { carryBack, giveBack } from './give-back.js';
import { HeldBinding } from './held-binding.js';
import { withLock } from './lock.js';
import { isStale } from './ownership.js';
import { type Step, shownSteps, takingPlan, uioDriver } from './plan.js';
import { nameOf, ownIdentity } from './process-identity.js';
import { createRecord, damagedError, findRecord, fits, hiddenError, replaceRecord } from './record.js';
import { driverName } from './record-format.js';
import { startRollback } from './rollback-helper.js';
import { carryOut, runSteps } from './steps.js';
import { waitForNode } from './wait-for-node.js';

/** A day: longer rollbacks are meant as something else. */
const longestRollbackMs = 24 * 60 * 60 * 1000;

const nothingKept: Remembered = { state: null, warnings: [] };

const optionNames = ['driver', 'dryRun', 'force', 'accept', 'rollbackAfterMs', 'persist', 'signal'];

/** See `bindDevice` in on-demand.ts. */
export async function bindDevice(
  device: Pick<Device, 'root' | 'id'>,
  options: BindOptions = {},
): Promise<DeviceBinding> {
  const request = checkRequest(device, options);
  request.options.signal?.throwIfAborted();
  requireWritable(request.root, request.id, 'bind a device');
  if (request.options.dryRun === true) {
    formerRecord(request);
    const { current, uses } = examine(request);
    const isThere = current.driver === request.driver;
    const kept = isThere ? nothingKept : await keep(request, current);
    return held(request, current, { steps: isThere ? [] : planFor(request, current), uses, kept, record: null });
  }
  examine(request);
  return withLock(request.root, request.id, () => take(request));
}

function checkRequest(device: Pick<Device, 'root' | 'id'>, options: BindOptions): Request {
  const { root, id } = checkDevice(device);
  checkOptionNames(options, optionNames);
  checkLimits({ signal: options.signal });
  checkText(options.driver, 'options.driver');
  for (const name of ['dryRun', 'force', 'persist'] as const) checkFlag(options[name], `options.${name}`);
  const { driver = uioDriver, rollbackAfterMs, accept = [] } = options;
  checkAccepted(accept);
  if (!driverName.test(driver)) throw invalidValue('options.driver', 'must be the name of a kernel driver', driver);
  if (rollbackAfterMs !== undefined) checkInteger(rollbackAfterMs, 'options.rollbackAfterMs', 100, longestRollbackMs);
  // A copy: what was checked stays as it was, whatever the script does to its object meanwhile.
  return { root, id, driver, options: { ...options, accept: [...accept] } };
}

function checkAccepted(accept: unknown): void {
  if (!Array.isArray(accept)) throw invalidType('options.accept', 'an array of ids of hazards', accept);
  for (const id of accept)
    if (!acceptableHazards.includes(id))
      throw invalidValue('options.accept', `must be ids of hazards: ${acceptableHazards.join(', ')}`, id);
}

function planFor({ driver }: Request, current: Device): Step[] {
  return takingPlan(current, driver, { byOverride: hasOverride(current) });
}

/** Runs under the device's lock. Checks again: things may have changed while waiting for it. */
async function take(request: Request): Promise<DeviceBinding> {
  const { root, id, driver, options } = request;
  const leftovers = await settleFormer(request);
  const { current, uses } = examine(request);
  if (current.driver === driver) return held(request, current, { steps: [], uses, kept: nothingKept, record: null });

  const { state, warnings } = await keep(request, current);
  const kept = { state, warnings: [...leftovers, ...warnings] };
  const steps = planFor(request, current);
  let record = recordFor(request, current, state);
  if (!createRecord(root, record)) throw heldByOther(id, formerRecord(request));
  try {
    if (record.rollbackAt !== null) await startRollback(root, record, 'at-deadline');
    if (!record.persist) guard(root, record);
    // A worker is not asked when the process ends; the helper sees it.
    if (!record.persist && !isMainThread) await startRollback(root, record, 'after-owner');
    // The record has said beforehand what may be done; what was really done is told by `done`.
    const noteId = (step: Step): void => {
      if (step.role !== 'new-id' && step.role !== 'remove-id') return;
      record = { ...record, addedId: step.role === 'new-id' };
      replaceRecord(root, record);
      if (!record.persist) guard(root, record);
    };
    await runSteps(root, carryOut({ root, id }, steps, noteId), options.signal);
    if (driver === uioDriver) await waitForNode(root, id, options.signal);
  } catch (error) {
    await undo(root, record, error);
    throw error;
  }
  return held(request, current, { steps, uses, kept, record });
}

/** The record of an earlier owner. One that can't be read says neither whose the device is nor what it goes back to. */
function formerRecord({ root, id, driver, options }: Request): BindingRecord | null {
  const found = findRecord(root, id);
  if (found.kind === 'sound') return found.record;
  // A device that is where it shall be needs no record: nothing will be done to it.
  if (boundDriver(root, id) === driver) return null;
  if (found.kind === 'damaged') throw damagedError(found.damage);
  if (found.kind === 'hidden' && options.dryRun !== true) throw hiddenError(id, found.path);
  return null;
}

/** What a card's interface has, if a record can hold it. */
async function keep(request: Request, current: Device): Promise<Remembered> {
  const kept = await runSteps(request.root, rememberInterface(current), request.options.signal);
  if (kept.state !== null && request.options.force !== true) refuseAddresses(current, kept.state);
  if (kept.state !== null && !fits(recordFor(request, current, kept.state))) throw tooMuch(current, kept.state);
  return kept;
}

/** What an earlier owner left is put right first, and what can't be is told; what a living one holds is his. */
async function settleFormer(request: Request): Promise<readonly string[]> {
  const { root, id, driver } = request;
  const former = formerRecord(request);
  if (former === null) return [];
  if (isStale(former)) return (await runSteps(root, giveBack(root, former, {}))).interface?.missing ?? [];
  if (boundDriver(root, id) !== driver) throw heldByOther(id, former);
  return [];
}

function heldByOther(id: Guid, record: BindingRecord | null): VmbusError {
  const who = record === null ? 'another process' : `${nameOf(record)}, since ${record.since},`;
  return new VmbusError('ERR_VMBUS_BUSY', `${who} has bound ${id} to ${record?.driver ?? 'another driver'}`, {
    device: id,
    hint: `give it back first: \`hv restore ${id}\``,
    facts: { pid: record?.pid ?? null },
  });
}

function recordFor({ id, driver, options }: Request, current: Device, state: InterfaceState | null): BindingRecord {
  const now = Date.now();
  const { rollbackAfterMs } = options;
  return {
    schema: 1,
    device: id,
    class: current.class.guid,
    driver,
    previousDriver: current.driver,
    previousOverride: current.driverOverride,
    wroteOverride: hasOverride(current),
    addedId: false,
    ...ownIdentity(),
    since: new Date(now).toISOString(),
    persist: options.persist === true,
    rollbackAt: rollbackAfterMs === undefined ? null : new Date(now + rollbackAfterMs).toISOString(),
    children: current.children,
    ...(state === null ? {} : { interface: state }),
  };
}

/** Undoes a half-done taking. What can't be undone stays on record for `hv restore`, and is told with the first error. */
async function undo(root: string, record: BindingRecord, error: unknown): Promise<void> {
  try {
    const { interface: returned } = await runSteps(root, carryBack(root, record, { force: true }));
    unguard(root, record.device);
    if (VmbusError.is(error) && returned !== null && returned.missing.length > 0)
      Object.assign(error.facts, { notPutBack: returned.missing });
  } catch (second) {
    if (VmbusError.is(error))
      Object.assign(error.facts, { notUndone: second instanceof Error ? second.message : String(second) });
  }
}

/** What was done, or would be. */
interface Taking {
  readonly steps: readonly Step[];
  readonly uses: readonly DeviceUse[];
  readonly kept: Remembered;
  readonly record: BindingRecord | null;
}

function held(request: Request, current: Device, { steps, uses, kept, record }: Taking): HeldBinding {
  const onOpening =
    request.driver === uioDriver ? kernelHazards(request.root).filter((hazard) => hazard.when === 'open') : [];
  const warnings = [...harmOfTaking(current, request.driver), ...onOpening];
  return new HeldBinding(
    request.root,
    {
      device: request.id,
      driver: request.driver,
      previousDriver: current.driver,
      steps: shownSteps(steps),
      uses,
      dryRun: request.options.dryRun === true,
      interface: kept.state,
      warnings: [...warnings.map((hazard) => hazard.explanation), ...kept.warnings],
    },
    record,
  );
}
