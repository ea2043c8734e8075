// SPDX-License-Identifier: MIT
//
// Whether a node is the device that sysfs shows: told by its number, for the name alone can lead anywhere. Opening another
// device than meant can have effects, and its memory would be taken for rings.
// Called by: open-plan.ts, before and after the open. Source: drivers/uio/uio.c (`dev`).

import { statSync } from 'node:fs';
import type { Device } from '../bus/types.js';
import { readDeviceNumber, showDeviceNumber } from '../bus/use/device-number.js';
import { VmbusError } from '../errors.js';
import { remakeNode } from './open-errors.js';

/** Number of the device's UIO node as sysfs shows it; null where it shows none. */
export function uioNumber(device: Pick<Device, 'path' | 'uio'>): number | null {
  return device.uio === null ? null : readDeviceNumber(`${device.path}/uio/${device.uio.name}/dev`);
}

/**
 * Before the open, what is no character device or not there is left to the open, which tells it in its own words; afterwards
 * it was put there during the open.
 * @throws VmbusError ERR_VMBUS_NODE_KIND for a node of another device
 */
export function checkNodeNumber(
  device: Device['id'],
  path: string,
  number: number | null,
  when: 'before' | 'after',
): void {
  if (number === null) return;
  const found = numberAt(path);
  if (found === number || (found === null && when === 'before')) return;
  const expected = showDeviceNumber(number);
  const kind = found === null ? 'no device node' : `device ${showDeviceNumber(found)}`;
  throw new VmbusError('ERR_VMBUS_NODE_KIND', `${path} is ${kind}, and not ${expected} as sysfs has it`, {
    device,
    path,
    facts: { found: found === null ? null : showDeviceNumber(found), expected },
    hint: remakeNode(path),
  });
}

// Null for what is no character device, or not there.
function numberAt(path: string): number | null {
  try {
    const status = statSync(path);
    return status.isCharacterDevice() ? status.rdev : null;
  } catch {
    return null;
  }
}
