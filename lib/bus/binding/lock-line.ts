// SPDX-License-Identifier: MIT
//
// The files of a device's lock: `<guid>.lock` beside its record, and what follows it.
// Called by lock.ts.
//
// Nobody removes another's lock, not even a dead one's: between looking at a name and removing it, the name may have become a
// living process's. A dead process's lock is inherited instead. Its heir links `<guid>.lock.after.<use>`, with the number
// of that one use of the lock in its name, which is never given twice: so each has one heir, and the last of the line holds
// the lock. He removes the first of the line, `<guid>.lock`, when he is done, then the rest. An heir who comes so late that
// the line he stands in has been removed finds another first, or none, and steps back.

import { randomUUID } from 'node:crypto';
import { closeSync, constants, fstatSync, linkSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Guid } from '../../guid.js';
import { listFolder } from '../read/attributes.js';
import { errorCode } from '../system-error.js';
import { lifeOf, ownIdentity, type ProcessIdentity } from './process-identity.js';
import { prepareFolder, storageError } from './record-folder.js';

/** How a lock is taken. */
export interface LockOptions {
  /** Also from a process that can't be looked for, because it is one of another container: it may be long gone. */
  readonly force?: boolean;
}

/** One use of the lock, as its file tells. */
interface Use {
  /** Tells it from every other. */
  readonly number: string;
  /** Null where the file says nothing that makes sense: it was cut off when the machine went down. */
  readonly holder: ProcessIdentity | null;
}

/** More deaths in a row than there are processes: such a line was not made by us. */
const longestLine = 10_000;

/** A function that releases the lock, or the living process that has it. */
export function tryLock(root: string, device: Guid, options: LockOptions): (() => void) | ProcessIdentity {
  const folder = prepareFolder(root);
  const first = `${folder}/${device}.lock`;
  const identity = ownIdentity();
  // A number for each use, not each process: the same process may ask twice, from two threads.
  const number = randomUUID();
  const own = `${first}.${number}`;
  try {
    writeFileSync(own, JSON.stringify({ ...identity, use: number }), { mode: 0o600, flag: 'wx' });
    for (let attempt = 0; attempt < 16; attempt++) {
      const outcome = joinLine({ first, own, number }, options);
      if (outcome !== 'again') return outcome;
    }
    // The line changed under us each time: others are at work.
    return readUse(first)?.holder ?? identity;
  } catch (error) {
    throw storageError(folder, error);
  } finally {
    rmSync(own, { force: true });
  }
}

/** Goes along the line to the first living process, or to the end, and stands there. */
function joinLine(
  { first, own, number }: { readonly first: string; readonly own: string; readonly number: string },
  options: LockOptions,
): (() => void) | ProcessIdentity | 'again' {
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
    const life = use.holder === null ? 'gone' : lifeOf(use.holder);
    if (use.holder !== null && (life === 'running' || (life === 'unknown' && options.force !== true)))
      return use.holder;
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
    const { use, pid, pidStart, bootId, pidNamespace } = JSON.parse(text) as Partial<ProcessIdentity & { use: string }>;
    if (typeof use !== 'string' || !/^[0-9a-f-]{36}$/.test(use)) return null;
    if (typeof pid !== 'number' || typeof pidStart !== 'number' || typeof bootId !== 'string') return null;
    const holder = { pid, pidStart, bootId };
    return { number: use, holder: typeof pidNamespace === 'number' ? { ...holder, pidNamespace } : holder };
  } catch {
    return null;
  }
}
