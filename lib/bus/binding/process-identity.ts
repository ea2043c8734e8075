// SPDX-License-Identifier: MIT
//
// Who a process is beyond its number: start time and boot, so that a reused pid is not taken for the one we knew.
// Called by record.ts and lock.ts. Always the real /proc: a process is never part of a simulated tree.
// Source: proc_pid_stat(5), field 22; random(4), boot_id.

import { readSmallFileOrNull } from '../read/attributes.js';

/** A process of this machine since it was started. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly pidStart: number;
  readonly bootId: string;
}

/** Identity of a running process; null when there is none, or it is only waiting to be buried. */
export function identityOf(pid: number): ProcessIdentity | null {
  const stat = readSmallFileOrNull(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The command in parentheses may hold anything, also parentheses: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const pidStart = Number(fields[19]);
  if (fields[0] === 'Z' || fields[0] === 'X' || !Number.isSafeInteger(pidStart)) return null;
  return { pid, pidStart, bootId: bootId() };
}

/** Our own identity. */
export function ownIdentity(): ProcessIdentity {
  return identityOf(process.pid) ?? { pid: process.pid, pidStart: 0, bootId: bootId() };
}

/** Whether that very process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  const now = identityOf(identity.pid);
  return now !== null && now.pidStart === identity.pidStart && now.bootId === identity.bootId;
}

/** Identifies this boot of the machine. */
export function bootId(): string {
  return readSmallFileOrNull('/proc/sys/kernel/random/boot_id') ?? '';
}
