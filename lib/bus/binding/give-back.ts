// SPDX-License-Identifier: MIT
//
// Gives one device back, as its record says: the part that restoring, rolling back and exiting have in common.
// Called by restore.ts, driver-binding.ts, exit-guard.ts, always under the device's lock; calls steps.ts, and put-back.ts for
// the interface of a network card.
// Invariant: never unbinds uio_hv_generic while the node is open or mapped. The kernel's driver would leave the channel open
// on the host with its callback armed, and crash at the next interrupt.

import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import type { Answer } from '../interface/ask.js';
import { hasInterfaces } from '../interface/ip-program.js';
import { putBackInterface } from '../interface/put-back.js';
import type { InterfaceState } from '../interface/types.js';
import { kernelHazards, takingHazards } from '../kernel/known-kernels.js';
import { boundDriver, readDevice } from '../read/device-reader.js';
import { rootKind } from '../root.js';
import type { BindingRecord, Device, RestoreOptions, RestoreResult } from '../types.js';
import { uioHolders } from '../use/device-use.js';
import { assumedSince } from './assumed-record.js';
import { givingBackPlan, removingId, type Step, shownSteps, uioDriver } from './plan.js';
import { bootId } from './process-identity.js';
import { findRecord, removeRecord } from './record.js';
import { type Action, carryOut } from './steps.js';

/** What would be done, and what speaks against it. */
export interface GiveBackPlan {
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
}

/** The steps for where the device stands now. @throws ERR_VMBUS_IN_USE while the node is open, ERR_VMBUS_UNSUPPORTED without force where harm is known */
export function planGiveBack(
  root: string,
  device: Device | null,
  record: BindingRecord,
  options: RestoreOptions,
): GiveBackPlan {
  if (record.bootId !== bootId())
    return { steps: [], warnings: ['the machine was started anew since: nothing is held any more'] };
  if (device === null)
    return { steps: removingId(root, record), warnings: ['the device is gone: the host withdrew it'] };
  const steps = givingBackPlan(device, record);
  if (steps.some((step) => step.role === 'unbind' && step.driver === uioDriver)) refuseWhileOpen(device);
  return {
    steps,
    warnings: [...hazards(device, steps, options), ...foreignDriver(device, record), ...lost(record, steps)],
  };
}

/**
 * Gives the device back and removes its record, if it is still on record, and `isDue` holds for what the record says now: who
 * waited for the lock may find the rollback cancelled.
 */
export function* giveBack(
  root: string,
  known: BindingRecord,
  options: RestoreOptions,
  isDue: (record: BindingRecord) => boolean = () => true,
): Generator<Action, RestoreResult, Answer> {
  const found = findRecord(root, known.device);
  // Rolled back by the helper, or by hand: giving back twice would take the device from whoever has it now. A record that
  // was damaged since is another matter: nobody else can have bound the device, and what we remember is as good.
  const isOver = found.kind === 'absent' || (found.kind === 'sound' && found.record.since !== known.since);
  const record = found.kind === 'sound' && !isOver ? found.record : known;
  if ((isOver && known.since !== assumedSince) || !isDue(record)) return nothingToDo(root, known.device);
  return yield* carryBack(root, record, options);
}

/** The same without asking what is on record: for whoever has held the lock since he wrote it. */
export function* carryBack(
  root: string,
  record: BindingRecord,
  options: RestoreOptions,
): Generator<Action, RestoreResult, Answer> {
  if (rootKind(root) === 'simulated') yield* letGo(root, record);
  const plan = yield* carryOutPlan(root, record, options);
  // Before the record goes: who is killed here leaves the rest to `hv restore`.
  const returned = hasReturned(root, record) ? yield* putBackInterface(root, record.device, record.interface) : null;
  if (record.since !== assumedSince) removeRecord(root, record.device);
  const result = { ...nothingToDo(root, record.device), steps: shownSteps(plan.steps), interface: returned };
  return { ...result, warnings: [...plan.warnings, ...(returned?.missing ?? [])] };
}

// A device that the host withdraws meanwhile is given back to nobody: what is left is what is to be done where it is gone.
function* carryOutPlan(
  root: string,
  record: BindingRecord,
  options: RestoreOptions,
): Generator<Action, GiveBackPlan, Answer> {
  const target = { root, id: record.device };
  const plan = planGiveBack(root, readDevice(root, record.device), record, options);
  try {
    yield* carryOut(target, plan.steps);
    return plan;
  } catch (error) {
    if (readDevice(root, record.device) !== null) throw error;
    const rest = planGiveBack(root, null, record, options);
    yield* carryOut(target, rest.steps);
    return rest;
  }
}

/** Whether the card is with the driver that makes its interface, and there is something to make it like. */
export function hasReturned(
  root: string,
  record: BindingRecord,
): record is BindingRecord & { interface: InterfaceState } {
  const { interface: state, previousDriver, device } = record;
  if (state === undefined || previousDriver === null || record.bootId !== bootId() || !hasInterfaces(root))
    return false;
  return boundDriver(root, device) === previousDriver;
}

/** A simulated host hears of a closed node a little later than a kernel, which is told by close(2) itself. */
function* letGo(root: string, record: BindingRecord): Generator<Action, void, Answer> {
  for (const pauseMs of [1, 5, 20, 50, 100, 200]) {
    const device = readDevice(root, record.device);
    if (device === null || uioHolders(device).length === 0) return;
    yield { pauseMs };
  }
}

/** The answer for a device that needs nothing. */
export function nothingToDo(root: string, device: Guid): RestoreResult {
  return { device, driver: boundDriver(root, device), steps: [], interface: null, warnings: [], dryRun: false };
}

function refuseWhileOpen(device: Device): void {
  const holders = uioHolders(device);
  const [first] = holders;
  if (!first) return;
  const who = holders.map(
    (holder) => `${holder.command}${holder.pid > 0 ? ` (pid ${holder.pid})` : ''} has it ${holder.how}`,
  );
  throw new VmbusError(
    'ERR_VMBUS_IN_USE',
    `${first.node} is in use: ${[...new Set(who)].join(', ')}. Taking the device from ${uioDriver} now would break the kernel`,
    {
      device: device.id,
      path: first.node,
      hint: first.pid > 0 ? `end it first: \`kill ${first.pid}\`` : 'close the channel first',
      facts: { holders },
    },
  );
}

/** Known harm of handing a device that UIO had to another driver. The ring files can be read once it was open. */
function hazards(device: Device, steps: readonly Step[], options: RestoreOptions): string[] {
  const target = steps.find((step) => step.role === 'bind')?.driver;
  if (target === undefined || device.uio === null || rootKind(device.root) === 'simulated') return [];
  const wasOpen = device.in.readIndex !== null;
  const known = wasOpen ? kernelHazards(device.root).filter((hazard) => hazard.when === 'restore') : [];
  const grave = known.find((hazard) => hazard.severity === 'refuse');
  if (grave && options.force !== true) {
    throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `${grave.explanation}`, {
      device: device.id,
      hint: 'leave it bound and reboot, or use --force',
      facts: { hazard: grave.id },
    });
  }
  return [...known, ...takingHazards(device.root, target)].map((hazard) => hazard.explanation);
}

function foreignDriver(device: Device, record: BindingRecord): string[] {
  const { driver } = device;
  if (driver === null || driver === record.driver || driver === record.previousDriver) return [];
  return [`somebody bound the device to ${driver} meanwhile; it was left there`];
}

function lost(record: BindingRecord, steps: readonly Step[]): string[] {
  const nets = record.children.filter((child) => child.kind === 'net').map((child) => child.name);
  if (record.interface !== undefined || nets.length === 0 || !steps.some((step) => step.role === 'bind')) return [];
  return [
    `${nets.join(', ')} comes back without its addresses, and may get another name: let the network service set it up again`,
  ];
}
