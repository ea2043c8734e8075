// SPDX-License-Identifier: MIT
//
// Which process holds a lock on a file, of whatever kind: what "busy" is of little use without.
// Called by locked-file.ts. Source: proc_locks(5). Locks of a file description (OFDLCK) name no process: pid -1.

import { readFileSync, statSync } from 'node:fs';

import { makeDeviceNumber } from '../../bus/use/device-number.js';

/** A process that holds a lock on the file; null where none can be seen. */
export function lockHolder(path: string): number | null {
  try {
    const { dev, ino } = statSync(path);
    return holderIn(readFileSync('/proc/locks', 'latin1'), dev, ino);
  } catch {
    return null;
  }
}

/** The same of the text of /proc/locks: `1: POSIX  ADVISORY  WRITE 317 00:05:123 0 EOF`. */
export function holderIn(locks: string, device: number, inode: number): number | null {
  for (const line of locks.split('\n')) {
    // A line with "->" is one that waits.
    const match = /^\d+: (?:POSIX|OFDLCK|FLOCK) +\S+ +\S+ +(-?\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /.exec(line);
    if (match === null) continue;
    const [, pid = '', major = '', minor = '', locked = ''] = match;
    const isHere = Number(locked) === inode && makeDeviceNumber(Number(`0x${major}`), Number(`0x${minor}`)) === device;
    if (isHere && Number(pid) > 0) return Number(pid);
  }
  return null;
}
