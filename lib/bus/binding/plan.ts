// SPDX-License-Identifier: MIT
//
// What to write, and where, to take a device from its driver and to give it back. Pure: reads nothing, writes nothing.
// Called by driver-binding.ts and restore.ts; carried out by steps.ts.
// Source: Documentation/ABI/testing/sysfs-bus-vmbus (driver_override), drivers/hv/vmbus_drv.c (new_id, remove_id).

import type { Guid } from '../../guid.js';
import { under } from '../root.js';
import type { BindingRecord, Device, PlanStep } from '../types.js';

/** The driver that opens a device to user space. */
export const uioDriver = 'uio_hv_generic';

/** A step, and how its errnos are to be read. */
export interface Step extends PlanStep {
  readonly role: 'set-override' | 'clear-override' | 'new-id' | 'remove-id' | 'unbind' | 'bind';
  readonly driver: string;
  /** Only after a `new-id` of the same plan that did add the id: one that was there before is somebody else's. */
  readonly ifAdded?: true;
}

/**
 * Steps that put the device on `driver`. By `driver_override`, which concerns this device only; `new_id` concerns its whole
 * class, and is only for kernels that have nothing better. The id is asked for when a device is to be bound, and never again:
 * it is removed at once, so that no device of the class that the host offers later is taken, too.
 */
export function takingPlan(device: Device, driver: string, options: { readonly byOverride: boolean }): Step[] {
  const steps: Step[] = [options.byOverride ? setOverride(device, driver) : newId(device, driver)];
  if (device.driver !== null) steps.push(unbind(device, device.driver));
  steps.push(bind(device, driver));
  if (!options.byOverride) steps.push({ ...removeId(device.root, driver, device.class.guid), ifAdded: true });
  return steps;
}

/** Steps that undo what the record says, from where the device stands now. None for a driver that a third party bound. */
export function givingBackPlan(device: Device, record: BindingRecord): Step[] {
  const steps: Step[] = [];
  const held = device.driver === record.driver && record.previousDriver !== record.driver;
  if (held) steps.push(unbind(device, record.driver));
  const { previousDriver, previousOverride } = record;
  const isFree = held || device.driver === null;
  const rebinds = isFree && previousDriver !== null;
  const ourOverride = record.wroteOverride && device.driverOverride === record.driver;
  // An override of another name does not disturb a driver that is bound, and would refuse it now: it comes last.
  const inTheWay = rebinds && previousOverride !== null && previousOverride !== previousDriver;
  if (ourOverride) steps.push(clearOverride(device, inTheWay ? null : previousOverride));
  steps.push(...removingId(device.root, record));
  if (rebinds) steps.push(bind(device, previousDriver));
  if (ourOverride && inTheWay) steps.push(clearOverride(device, previousOverride));
  return steps;
}

/** The step that takes back a dynamic id which a broken-off taking left; it is the driver's, and stays when the device goes. */
export function removingId(root: string, record: BindingRecord): Step[] {
  return record.addedId ? [removeId(root, record.driver, record.class)] : [];
}

/** The steps as they are shown. */
export function shownSteps(steps: readonly Step[]): PlanStep[] {
  return steps.map(({ what, path, write }) => ({ what, path, write }));
}

/** Files of a driver. */
export function driverFolder(root: string, driver: string): string {
  return under(root, 'sys/bus/vmbus/drivers', driver);
}

function setOverride(device: Device, driver: string): Step {
  return {
    role: 'set-override',
    driver,
    what: `reserve the device for ${driver}`,
    path: `${device.path}/driver_override`,
    write: driver,
  };
}

/** A single line end clears; an empty write would never reach the kernel. */
function clearOverride(device: Device, previous: string | null): Step {
  const what = previous === null ? 'let any driver have the device' : `reserve the device for ${previous} again`;
  return {
    role: 'clear-override',
    driver: previous ?? '',
    what,
    path: `${device.path}/driver_override`,
    write: previous ?? '\n',
  };
}

function newId(device: Device, driver: string): Step {
  const path = `${driverFolder(device.root, driver)}/new_id`;
  return {
    role: 'new-id',
    driver,
    what: `make ${driver} accept the class ${device.class.name}`,
    path,
    write: device.class.guid,
  };
}

function removeId(root: string, driver: string, classGuid: Guid): Step {
  const path = `${driverFolder(root, driver)}/remove_id`;
  return { role: 'remove-id', driver, what: `make ${driver} refuse the class again`, path, write: classGuid };
}

function unbind(device: Device, driver: string): Step {
  return {
    role: 'unbind',
    driver,
    what: `unbind from ${driver}`,
    path: `${driverFolder(device.root, driver)}/unbind`,
    write: device.id,
  };
}

function bind(device: Device, driver: string): Step {
  return {
    role: 'bind',
    driver,
    what: `bind to ${driver}`,
    path: `${driverFolder(device.root, driver)}/bind`,
    write: device.id,
  };
}
