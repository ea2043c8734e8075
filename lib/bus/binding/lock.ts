// SPDX-License-Identifier: MIT
//
// One process at a time binds a device or gives it back: a lock file beside its record.
// Called by driver-binding.ts, restore.ts, held-binding.ts, exit-guard.ts. The lock of a process that is gone counts for nothing.

import { setTimeout as pause } from 'node:timers/promises';

import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { type LockOptions, tryLock } from './lock-line.js';
import { lifeOf, nameOf, type ProcessIdentity } from './process-identity.js';

const patienceMs = 15_000;

/** Runs `work` while no other process works on the device; waits for a living one, at most 15 s. @throws ERR_VMBUS_BUSY */
export async function withLock<T>(
  root: string,
  device: Guid,
  work: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const release = await acquire(root, device, options);
  try {
    return await work();
  } finally {
    release();
  }
}

/** The same without waiting, for the end of a process; undefined when somebody else has the lock. */
export function withLockSync<T>(root: string, device: Guid, work: () => T): T | undefined {
  const lock = tryLock(root, device, {});
  if (typeof lock !== 'function') return undefined;
  try {
    return work();
  } finally {
    lock();
  }
}

async function acquire(root: string, device: Guid, options: LockOptions): Promise<() => void> {
  const deadline = performance.now() + patienceMs;
  for (let delayMs = 5; ; delayMs = Math.min(delayMs * 2, 200)) {
    const lock = tryLock(root, device, options);
    if (typeof lock === 'function') return lock;
    if (performance.now() > deadline) throw stillLocked(device, lock);
    await pause(delayMs);
  }
}

function stillLocked(device: Guid, holder: ProcessIdentity): VmbusError {
  const isSeen = lifeOf(holder) !== 'unknown';
  const what = isSeen ? 'is binding or restoring' : 'was binding or restoring, and may still be:';
  const hint = isSeen
    ? `see what it does: \`ps -fp ${holder.pid}\``
    : `if it is gone: \`hv restore --force ${device}\``;
  return new VmbusError('ERR_VMBUS_BUSY', `${nameOf(holder)} ${what} ${device}`, {
    device,
    hint,
    facts: { pid: holder.pid },
  });
}
