// SPDX-License-Identifier: MIT
//
// One process at a time binds a device or gives it back: a lock file beside its record.
// Called by driver-binding.ts, restore.ts, held-binding.ts, exit-guard.ts. The lock of a process that is gone counts for nothing.
//
// Nobody removes another's lock, not even a dead one's: between looking at a name and removing it, the name may have become a
// living process's. A dead process's lock is inherited instead. Its heir links `<guid>.lock.after.<use>`, with the number
// of that one use of the lock in its name, which is never given twice: so each has one heir, and the last of the line holds
// the lock. He removes the first of the line, `<guid>.lock`, when he is done, then the rest. An heir who comes so late that
// the line he stands in has been removed finds another first, or none, and steps back.

import { randomUUID } from 'node:crypto';
import { closeSync, constants, fstatSync, linkSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { listFolder } from '../read/attributes.js';
import { errorCode } from '../system-error.js';
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.js';
import { prepareFolder, storageError } from './record-folder.js';

/** One use of the lock, as its file tells. */
interface Use {
  /** Tells it from every other. */
  readonly number: string;
  /** Null where the file says nothing that makes sense: it was cut off when the machine went down. */
  readonly holder: ProcessIdentity | null;
}

const patienceMs = 15_000;
/** More deaths in a row than there are processes: such a line was not made by us. */
const longestLine = 10_000;

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
  const first = `${prepareFolder(root)}/${device}.lock`;
  const identity = ownIdentity();
  // A number for each use, not each process: the same process may ask twice, from two threads.
  const number = randomUUID();
  const own = `${first}.${number}`;
  try {
    writeFileSync(own, JSON.stringify({ ...identity, use: number }), { mode: 0o600, flag: 'wx' });
    for (let attempt = 0; attempt < 16; attempt++) {
      const outcome = joinLine(first, own, number);
      if (outcome !== 'again') return outcome;
    }
    // The line changed under us each time: others are at work.
    return readUse(first)?.holder ?? identity;
  } catch (error) {
    throw storageError(own, error);
  } finally {
    rmSync(own, { force: true });
  }
}

/** Goes along the line to the first living process, or to the end, and stands there. */
function joinLine(first: string, own: string, number: string): (() => void) | ProcessIdentity | 'again' {
  const line = [first];
  let head = number;
  for (let name = first; ; line.push(name)) {
    if (linked(own, name)) {
      // Only the last of a line removes its first. Is that still there, then so is the line, and we are its last.
      if (readUse(first)?.number === head) return () => release(line, head, number);
      rmSync(name, { force: true });
      return 'again';
    }
    const use = readUse(name);
    if (use === null || line.length > longestLine) return 'again';
    if (name === first) head = use.number;
    if (use.holder !== null && isAlive(use.holder)) return use.holder;
    name = heirOf(first, use.number);
  }
}

/** Ends our use, and with it the line whose last we are. */
function release(line: readonly string[], head: string, number: string): void {
  const [first = ''] = line;
  // Somebody took us for dead, and will do this in our place.
  if (readUse(heirOf(first, number)) !== null) return;
  // The first may be another's: whoever removed ours by hand let others in.
  if (readUse(first)?.number === head) {
    // As long as the line stands, heirs of other lines are nobody's: their processes ended while stepping back.
    const prefix = heirOf(first, '');
    const strays = listFolder(dirname(first)).map((name) => join(dirname(first), name));
    for (const path of strays) if (path.startsWith(prefix) && !line.includes(path)) rmSync(path, { force: true });
    rmSync(first, { force: true });
  }
  for (const name of line.slice(1)) rmSync(name, { force: true });
}

function heirOf(first: string, number: string): string {
  return `${first}.after.${number}`;
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

/** The use that a file stands for; null where there is no such file. */
function readUse(path: string): Use | null {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { ino, mtimeNs } = fstatSync(fd, { bigint: true });
      return parseUse(readFileSync(fd, 'utf8')) ?? { number: `${ino}-${mtimeNs}`, holder: null };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

function parseUse(text: string): Use | null {
  try {
    const { use, pid, pidStart, bootId } = JSON.parse(text) as Partial<ProcessIdentity & { use: string }>;
    if (typeof use !== 'string' || !/^[0-9a-f-]{36}$/.test(use)) return null;
    if (typeof pid !== 'number' || typeof pidStart !== 'number' || typeof bootId !== 'string') return null;
    return { number: use, holder: { pid, pidStart, bootId } };
  } catch {
    return null;
  }
}
