// SPDX-License-Identifier: MIT
//
// Which process has locked a device node: what "busy" is of little use without.
// Called by: open-errors.ts. Source: proc_locks(5); the addon takes a flock(2) on the node.

import { readFileSync, statSync } from 'node:fs';
import { makeDeviceNumber } from '../bus/use/device-number.js';

/** Process that holds a lock on the file; null where none can be seen, as for one outside our container. */
export function lockOwner(path: string): number | null {
  try {
    const { dev, ino } = statSync(path);
    return ownerIn(readFileSync('/proc/locks', 'latin1'), dev, ino);
  } catch {
    return null;
  }
}

/** The same of the text of /proc/locks: "1: FLOCK  ADVISORY  WRITE 317 00:05:123 0 EOF". */
export function ownerIn(locks: string, device: number, inode: number): number | null {
  for (const line of locks.split('\n')) {
    const match = /^\d+: FLOCK +ADVISORY +WRITE +(\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /.exec(line);
    if (match === null) continue;
    const [pid, major, minor, locked] = [match[1], `0x${match[2]}`, `0x${match[3]}`, match[4]].map(Number);
    if (locked !== inode || makeDeviceNumber(major ?? 0, minor ?? 0) !== device) continue;
    return pid === undefined || pid === 0 ? null : pid;
  }
  return null;
}
