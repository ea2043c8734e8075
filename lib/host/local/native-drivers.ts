// SPDX-License-Identifier: MIT
//
// What the simulated guest's kernel does with a class: its drivers in the order in which they register, and the ring size
// that uio_hv_generic picks.
// Called by: simulated-host.ts, local/device.ts, local/probe.ts. Calls protocol/classes.ts.
// Source: the drivers' id tables; vmbus_devs in drivers/hv/channel_mgmt.c; VMBUS_RING_SIZE in include/linux/hyperv.h.

import type { Guid } from '../../guid.js';
import { classOfGuid, classOfName, deviceClasses, UNKNOWN_INDEX } from '../../protocol/classes.js';

/** Name of the driver that hands channels to user space. */
export const uioDriver = 'uio_hv_generic';

/** Name of the driver of the integration services. */
export const utilsDriver = 'hv_utils';

const defaultRingBytes = 2 * 1024 * 1024;
const fcopyRingBytes = 0x4000;
const unknownRingBytes = 0x11000;

/** Drivers in the order in which a guest registers them, with the classes of their id tables. */
export function kernelDrivers(): { readonly name: string; readonly classes: readonly Guid[] }[] {
  const names = new Set(deviceClasses.flatMap((entry) => entry.nativeDriver ?? []));
  names.delete(uioDriver);
  return [...names, 'hv_sock', uioDriver].map((name) => ({
    name,
    classes: deviceClasses.filter((entry) => entry.nativeDriver === name).map((entry) => entry.guid),
  }));
}

/** Size of one ring with its header page, as uio_hv_generic makes it for a class. */
export function kernelRingBytes(guid: Guid, pageBytes = 4096): number {
  const wanted = wantedRingBytes(guid);
  const withHeader = wanted >= 8 * pageBytes ? wanted : wanted + pageBytes;
  return Math.ceil(withHeader / pageBytes) * pageBytes;
}

function wantedRingBytes(guid: Guid): number {
  if (guid === classOfName('fcopy')?.guid) return fcopyRingBytes;
  return classOfGuid(guid).deviceIndex === UNKNOWN_INDEX ? unknownRingBytes : defaultRingBytes;
}
