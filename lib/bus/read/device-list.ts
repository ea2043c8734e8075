// SPDX-License-Identifier: MIT
//
// Every device of a bus, in order.
// Called by open-bus.ts and bus-state.ts; calls device-reader.ts.

import type { Device } from '../types.js';
import { deviceIds, readDevice } from './device-reader.js';

/** Every device, by the relid of its primary channel; those without one last. */
export function readDevices(root: string): Device[] {
  const devices = deviceIds(root).flatMap((id) => readDevice(root, id) ?? []);
  const rank = (device: Device): number =>
    device.relid === null || device.relid < 0 ? Number.MAX_SAFE_INTEGER : device.relid;
  return devices.sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
}
