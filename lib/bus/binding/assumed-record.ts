// SPDX-License-Identifier: MIT
//
// What a device without a record is to be: with the driver made for its class.
// Called by restore.ts. Pure.

import type { BindingRecord, Device } from '../types.js';
import { uioDriver } from './plan.js';
import { ownIdentity } from './process-identity.js';

/** `since` of a record that was never written. */
export const assumedSince: string = new Date(0).toISOString();

/** A device that is on uio_hv_generic and not made for it goes to its own driver; any other stays where it is. */
export function assumedRecord(device: Device): BindingRecord {
  const native = device.class.nativeDrivers.find((name) => name !== uioDriver) ?? null;
  const isForeign = device.driver === uioDriver && device.class.nativeDriver !== uioDriver;
  const onUio = isForeign || (device.driver === null && device.driverOverride === uioDriver);
  return {
    schema: 1,
    device: device.id,
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
