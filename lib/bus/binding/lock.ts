// SPDX-License-Identifier: MIT
//
// One process at a time binds a device or gives it back: a lock file beside its record.
// Called by driver-binding.ts, restore.ts, exit-guard.ts. The lock of a process that is gone counts for nothing.

import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { readSmallFileOrNull } from '../read/attributes.js';
import { errorCode } from '../system-error.js';
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.js';
import { prepareFolder } from './record-folder.js';

const patienceMs = 15_000;
let uses = 0;

/** Runs `work` while no other process works on the device; waits for a living one, at most 15 s. @throws ERR_VMBUS_BUSY */
export async function withLock<T>(root: string, device: Guid, work: () => Promise<T>): Promise<T> {
  const release = await acquire(root, device);
  try {
    return await work();
  } finally {
    release();
  }
}

/** The same without waiting, for the end of a process; undefined when somebody else has the lock. */
export function withLockSync<T>(root: string, device: Guid, work: () => T): T | undefined {
  const lock = tryLock(root, device);
  if (typeof lock !== 'function') return undefined;
  try {
    return work();
  } finally {
    lock();
  }
}

async function acquire(root: string, device: Guid): Promise<() => void> {
  const deadline = performance.now() + patienceMs;
  for (let delayMs = 5; ; delayMs = Math.min(delayMs * 2, 200)) {
    const lock = tryLock(root, device);
    if (typeof lock === 'function') return lock;
    if (performance.now() > deadline) {
      throw new VmbusError('ERR_VMBUS_BUSY', `process ${lock.pid} is binding or restoring ${device}`, {
        device,
        hint: `see what it does: \`ps -fp ${lock.pid}\``,
        facts: { pid: lock.pid },
      });
    }
    await pause(delayMs);
  }
}

/** A function that releases the lock, or the living process that has it. */
function tryLock(root: string, device: Guid): (() => void) | ProcessIdentity {
  const folder = prepareFolder(root);
  const path = `${folder}/${device}.lock`;
  // A name of its own for each use: the same process may ask twice, from two threads.
  const own = `${path}.${process.pid}.${process.hrtime.bigint()}.${++uses}`;
  writeFileSync(own, JSON.stringify({ ...ownIdentity(), use: own }), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 16; attempt++) {
      if (linked(own, path)) return () => rmSync(path, { force: true });
      const holder = readHolder(path);
      if (holder !== null && isAlive(holder)) return holder;
      discard(path, own);
    }
    return readHolder(path) ?? { pid: 0, pidStart: 0, bootId: '' };
  } finally {
    rmSync(own, { force: true });
  }
}

/** Puts a dead process's lock aside. Should a living one have taken its place meanwhile, it is put back. */
function discard(path: string, own: string): void {
  const aside = `${own}.aside`;
  try {
    renameSync(path, aside);
    const holder = readHolder(aside);
    if (holder !== null && isAlive(holder)) linked(aside, path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(path: string): ProcessIdentity | null {
  try {
    const value: unknown = JSON.parse(readSmallFileOrNull(path) ?? '');
    if (typeof value !== 'object' || value === null) return null;
    const { pid, pidStart, bootId } = value as Partial<ProcessIdentity>;
    return typeof pid === 'number' && typeof pidStart === 'number' && typeof bootId === 'string'
      ? { pid, pidStart, bootId }
      : null;
  } catch {
    return null;
  }
}
