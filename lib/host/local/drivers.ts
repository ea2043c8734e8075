// SPDX-License-Identifier: MIT
//
// Which driver holds which device: the kernel's bind, unbind, new_id, remove_id and drivers_probe, as numbers in memory.
// Called by: simulated-host.ts (devices come and go) and local/control.ts (the files of sys/bus/vmbus).
// Answers are positive errnos, 0 for success. Source: Documentation/ABI/testing/sysfs-bus-* and drivers/hv/vmbus_drv.c.

import { constants } from 'node:os';

import type { Guid } from '../../guid.js';

const { EBUSY, EEXIST, EINVAL, ENODEV } = constants.errno;

/** What a device is to the driver model. */
export interface DrivenDevice {
  readonly guid: Guid;
  readonly classGuid: Guid;
  /** Name of the driver that holds the device; written by the model only. */
  driver: string | null;
}

/** What the model asks of its owner, and tells it. */
export interface DriverHooks {
  /** Content of `driver_override`; null when unset. */
  override(guid: Guid): string | null;
  /** A matching driver is tried; what it answers is the errno of its probe function. */
  probe(guid: Guid, driver: string): number;
  /** The driver was taken off the device. */
  removed(guid: Guid, driver: string): void;
}

interface Driver {
  readonly name: string;
  readonly staticIds: ReadonlySet<Guid>;
  readonly dynamicIds: Set<Guid>;
}

const guidOnly = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The drivers and devices of one bus. Drivers are tried in the order in which they were registered. */
export class DriverModel {
  readonly #hooks: DriverHooks;
  readonly #drivers = new Map<string, Driver>();
  readonly #devices = new Map<Guid, DrivenDevice>();

  constructor(hooks: DriverHooks) {
    this.#hooks = hooks;
  }

  register(name: string, staticIds: readonly Guid[]): void {
    this.#drivers.set(name, { name, staticIds: new Set(staticIds), dynamicIds: new Set() });
  }

  /** Names of the drivers, in the order in which they were registered. */
  drivers(): string[] {
    return [...this.#drivers.keys()];
  }

  /** Takes a device in and, as an autoprobing bus does, gives it to the first driver that matches and succeeds. */
  add(device: DrivenDevice, options: { readonly autoprobe: boolean }): void {
    this.#devices.set(device.guid, device);
    if (options.autoprobe) this.#probeAny(device);
  }

  /** Forgets a device; its driver is taken off first. */
  remove(device: DrivenDevice): void {
    this.#release(device);
    this.#devices.delete(device.guid);
  }

  bind(driverName: string, text: string): number {
    const driver = this.#drivers.get(driverName);
    const device = this.#find(text);
    if (!driver || !device || !this.#matches(driver, device)) return ENODEV;
    if (device.driver !== null) return EBUSY;
    return this.#attach(driver, device);
  }

  unbind(driverName: string, text: string): number {
    const device = this.#find(text);
    if (!device || device.driver !== driverName) return ENODEV;
    this.#release(device);
    return 0;
  }

  /** Probe failures are not reported, as in the kernel. */
  newId(driverName: string, text: string): number {
    const driver = this.#drivers.get(driverName);
    const guid = classGuid(text);
    if (!driver || !guid) return EINVAL;
    if (driver.dynamicIds.has(guid)) return EEXIST;
    driver.dynamicIds.add(guid);
    for (const device of this.#devices.values()) {
      if (device.driver === null && this.#matches(driver, device)) this.#attach(driver, device);
    }
    return 0;
  }

  /** Unbinds nothing: a device that is held stays held. */
  removeId(driverName: string, text: string): number {
    const guid = classGuid(text);
    if (!guid) return EINVAL;
    return this.#drivers.get(driverName)?.dynamicIds.delete(guid) ? 0 : ENODEV;
  }

  /** Success when no driver matches, too. */
  driversProbe(text: string): number {
    const device = this.#find(text);
    if (!device) return ENODEV;
    if (device.driver === null) this.#probeAny(device);
    return 0;
  }

  /** True if the driver was made for the class: what `new_id` adds does not count. */
  isNative(driverName: string, guid: Guid): boolean {
    return this.#drivers.get(driverName)?.staticIds.has(guid) ?? false;
  }

  #probeAny(device: DrivenDevice): void {
    for (const driver of this.#drivers.values()) {
      if (this.#matches(driver, device) && this.#attach(driver, device) === 0) return;
    }
  }

  #attach(driver: Driver, device: DrivenDevice): number {
    const errno = this.#hooks.probe(device.guid, driver.name);
    if (errno === 0) device.driver = driver.name;
    return errno;
  }

  #release(device: DrivenDevice): void {
    const { driver } = device;
    if (driver === null) return;
    device.driver = null;
    this.#hooks.removed(device.guid, driver);
  }

  #matches(driver: Driver, device: DrivenDevice): boolean {
    const override = this.#hooks.override(device.guid);
    if (override !== null) return override === driver.name;
    return driver.staticIds.has(device.classGuid) || driver.dynamicIds.has(device.classGuid);
  }

  /** The device of a folder name; one trailing newline is tolerated, braces and upper case are not. */
  #find(text: string): DrivenDevice | undefined {
    const name = text.endsWith('\n') ? text.slice(0, -1) : text;
    return this.#devices.get(name as Guid);
  }
}

/** The class GUID at the start of what was written: 36 characters in either case, the rest is ignored. */
function classGuid(text: string): Guid | null {
  const guid = text.slice(0, 36).toLowerCase();
  return guidOnly.test(guid) ? (guid as Guid) : null;
}
