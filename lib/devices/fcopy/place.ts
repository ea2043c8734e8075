// SPDX-License-Identifier: MIT
//
// Where file copy is on this machine: which of the two ways there is, and waiting for one.
// Called by: ../fcopy.ts.

import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { openBus } from '../../bus/open-bus.js';
import { under } from '../../bus/root.js';
import type { Bus, Device } from '../../bus/types.js';
import { VmbusError } from '../../errors.js';
import { fcopyClass } from '../../protocol/fcopy.js';
import { fcopyNode } from '../../protocol/fcopy-device.js';

/** One of the two ways; null: none. */
export type Place = { readonly kind: 'device' } | { readonly kind: 'channel'; readonly device: Device } | null;

/** Drivers bind a moment after a device appears; one that is still free then is nobody's. */
const settleMs = 500;

/** What there is now. */
export function findPlace(bus: Bus): Place {
  if (existsSync(under(bus.root, 'dev/vmbus', fcopyNode))) return { kind: 'device' };
  const device = bus.devices().find((one) => one.class.guid === fcopyClass);
  if (!device) return null;
  // A driver of the kernel has it: its node is there, or about to be.
  if (device.driver !== null && device.uio === null && device.driver !== 'uio_hv_generic') return { kind: 'device' };
  return { kind: 'channel', device };
}

/** Waits until there is one. @throws the signal's reason */
export async function waitForPlace(root: string, signal: AbortSignal): Promise<NonNullable<Place>> {
  const bus = openBus({ root });
  try {
    const changes = bus.watch({ signal });
    for (;;) {
      const place = await settled(bus, signal);
      if (place !== null) return place;
      const { done } = await changes.next();
      signal.throwIfAborted();
      if (done) throw noService(root);
    }
  } finally {
    await bus.close();
  }
}

async function settled(bus: Bus, signal: AbortSignal): Promise<Place> {
  const place = findPlace(bus);
  if (place?.kind !== 'channel' || place.device.driver !== null) return place;
  await pause(settleMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  return findPlace(bus);
}

/** @param root As errors name it */
export function noService(root: string): VmbusError {
  return new VmbusError('ERR_VMBUS_NO_DEVICE', `there is no file copy service in ${root}`, {
    hint: "on the host: Enable-VMIntegrationService -Name 'Guest Service Interface' (it is off by default)",
  });
}
