// SPDX-License-Identifier: MIT
//
// What speaks against taking a device from its driver: asked before the first write, and again under the lock.
// Called by driver-binding.ts; calls device-use.ts.

import { existsSync } from 'node:fs';

import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { type KernelHazard, takingHazards } from '../kernel/known-kernels.js';
import { deviceIds, readDevice } from '../read/device-reader.js';
import { rootKind } from '../root.js';
import type { BindOptions, Device, DeviceUse, InterfaceState } from '../types.js';
import { deviceUses } from '../use/device-use.js';
import { deviceGone, moduleMissing } from './bind-refusal.js';
import { driverFolder, uioDriver } from './plan.js';

/** A request with its defaults, checked. */
export interface Request {
  readonly root: string;
  readonly id: Guid;
  readonly driver: string;
  readonly options: BindOptions;
}

/** The device as it stands, and what is overruled by force; throws what speaks against taking it. */
export function examine({ root, id, driver, options }: Request): {
  readonly current: Device;
  readonly uses: readonly DeviceUse[];
} {
  const current = readDevice(root, id);
  if (current === null) throw deviceGone(root, id);
  if (current.driver === driver) return { current, uses: [] };
  if (driver === 'hv_utils' && !current.class.nativeDrivers.includes(driver)) {
    throw new VmbusError(
      'ERR_VMBUS_BIND_REFUSED',
      `hv_utils must never be given a device of the class ${current.class.name}: the kernel would crash`,
      {
        device: id,
        hint: `name another driver, e.g. ${current.class.nativeDriver ?? uioDriver}`,
      },
    );
  }
  if (!existsSync(driverFolder(root, driver))) throw moduleMissing(id, driver);
  if (!hasOverride(current)) refuseBycatch(current, driver);
  const uses = deviceUses(current);
  const standing = options.force === true ? uses.filter((use) => !use.forceable) : uses;
  if (standing.length > 0) throw inUse(current, standing);
  const harm = harmOfTaking(current, driver).find(({ id }) => options.accept?.includes(id) !== true);
  if (harm !== undefined) throw harmful(current, harm);
  return { current, uses };
}

/** An interface that is down has addresses all the same; the kernel's tables, which `deviceUses` reads, do not show them. */
export function refuseAddresses(device: Device, { name, addresses }: InterfaceState): void {
  if (addresses.length === 0) return;
  const details = addresses.map(({ address }) => `${name} has the address ${address}`);
  throw inUse(
    device,
    details.map((detail) => ({ kind: 'address', detail, forceable: true })),
  );
}

/** What comes of it when the device's own driver has it again. */
export function harmOfTaking(device: Device, driver: string): readonly KernelHazard[] {
  // A simulated kernel has no drivers that could lose anything.
  if (driver !== uioDriver || rootKind(device.root) === 'simulated') return [];
  return takingHazards(device.root, device.driver);
}

function harmful(device: Device, { id, explanation }: KernelHazard): VmbusError {
  return new VmbusError('ERR_VMBUS_UNSUPPORTED', `${device.class.name} ${device.id} is not taken: ${explanation}`, {
    device: device.id,
    hint: `for a controller whose disks nobody needs before the next reboot: --accept ${id}, or { accept: ['${id}'] }`,
    facts: { hazard: id },
  });
}

/** Adding an id makes the driver take every device of the class that has none, within the very write. */
function refuseBycatch(device: Device, driver: string): void {
  const others = deviceIds(device.root).flatMap((id) => (id === device.id ? [] : (readDevice(device.root, id) ?? [])));
  const free = others.filter((other) => other.driver === null && other.class.guid === device.class.guid);
  if (free.length === 0) return;
  const names = free.map(({ id }) => id).join(', ');
  throw new VmbusError(
    'ERR_VMBUS_BIND_REFUSED',
    `this kernel binds by class (it has no driver_override), and ${driver} would take ${names}, too: of the class ${device.class.name}, and without a driver`,
    {
      device: device.id,
      hint: 'bind the other to its own driver first, see `hv ls`',
      facts: { others: free.map(({ id }) => id) },
    },
  );
}

/** Whether the kernel can reserve this one device for a driver. */
export function hasOverride(device: Device): boolean {
  return existsSync(`${device.path}/driver_override`);
}

function inUse(device: Device, uses: readonly DeviceUse[]): VmbusError {
  const final = uses.some((use) => !use.forceable);
  const hint = final
    ? 'end what uses it first; no force helps here'
    : 'end what uses it first, or use --force if you are sure';
  return new VmbusError(
    'ERR_VMBUS_IN_USE',
    `${device.class.name} ${device.id} is in use: ${uses.map((use) => use.detail).join('; ')}`,
    {
      device: device.id,
      hint,
      facts: { uses },
    },
  );
}
