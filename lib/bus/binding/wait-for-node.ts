// SPDX-License-Identifier: MIT
//
// Waits until a device that was just bound can be opened: its UIO maps and its node are there.
// Called by driver-binding.ts. No uevent tells when the maps appear, so they are looked for at growing intervals.

import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { devicePath } from '../read/device-reader.js';
import { readUio } from '../read/uio-reader.js';
import type { UioAttributes } from '../types.js';
import { deviceGone } from './bind-refusal.js';

const patienceMs = 5_000;

/** The UIO side of the device, complete. @throws ERR_VMBUS_TIMEOUT, ERR_VMBUS_NO_DEVICE */
export async function waitForNode(root: string, id: Guid, signal?: AbortSignal): Promise<UioAttributes> {
  const deadline = performance.now() + patienceMs;
  for (let delayMs = 2; ; delayMs = Math.min(delayMs * 2, 100)) {
    const path = devicePath(root, id);
    if (path === null) throw deviceGone(root, id);
    const uio = readUio(root, path, []);
    if (uio?.maps.some((map) => map.index === 0 && map.sizeBytes !== null) && existsSync(uio.node)) return uio;
    if (performance.now() > deadline) throw late(id, uio);
    await pause(delayMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

function late(id: Guid, uio: UioAttributes | null): VmbusError {
  const missing = uio === null ? 'the kernel made no UIO device' : `${uio.node} or its maps are missing`;
  return new VmbusError('ERR_VMBUS_TIMEOUT', `the device is bound, but after ${patienceMs / 1000} s ${missing}`, {
    device: id,
    hint: 'is /dev a devtmpfs (`findmnt /dev`), or udev running?',
    facts: { operation: 'bind', timeoutMs: patienceMs },
  });
}
