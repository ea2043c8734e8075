// SPDX-License-Identifier: MIT
//
// Who a process is beyond its number: start time, boot and pid namespace, so that neither a reused pid nor that of another
// container is taken for the one we knew.
// Called by ownership.ts and lock.ts. Always the real /proc: a process is never part of a simulated tree.
// Source: proc_pid_stat(5), field 22; random(4), boot_id; pid_namespaces(7).

import { readlinkSync } from 'node:fs';

import { readSmallFileOrNull } from '../read/attributes.js';

/** A process of this machine since it was started. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly pidStart: number;
  readonly bootId: string;
  /** Number of the namespace that its pid is of; left out by older versions, and where /proc does not tell. */
  readonly pidNamespace?: number;
}

/** What can be told of a process: one of another namespace can't be looked for. */
export type Life = 'running' | 'gone' | 'unknown';

/** Our own identity. */
export function ownIdentity(): ProcessIdentity {
  const pidNamespace = ownNamespace();
  const identity = { pid: process.pid, pidStart: startOf(process.pid) ?? 0, bootId: bootId() };
  return pidNamespace === null ? identity : { ...identity, pidNamespace };
}

/** Whether that very process still runs. One that says no namespace is taken for one of ours. */
export function lifeOf(identity: ProcessIdentity): Life {
  if (identity.bootId !== bootId()) return 'gone';
  if (identity.pidNamespace !== undefined && identity.pidNamespace !== ownNamespace()) return 'unknown';
  return startOf(identity.pid) === identity.pidStart ? 'running' : 'gone';
}

/** Whether that very process still runs, or may do so where it can't be looked for. */
export function isAlive(identity: ProcessIdentity): boolean {
  return lifeOf(identity) !== 'gone';
}

/** Whether it is this process. */
export function isOurselves(identity: ProcessIdentity): boolean {
  return identity.pid === process.pid && lifeOf(identity) === 'running';
}

/** The process in words. */
export function nameOf({ pid, pidNamespace }: ProcessIdentity): string {
  const isElsewhere = pidNamespace !== undefined && pidNamespace !== ownNamespace();
  return isElsewhere ? `process ${pid} of another container (pid namespace ${pidNamespace})` : `process ${pid}`;
}

/** Identifies this boot of the machine. */
export function bootId(): string {
  return readSmallFileOrNull('/proc/sys/kernel/random/boot_id') ?? '';
}

/** Start time of a running process; null when there is none, or it is only waiting to be buried. */
function startOf(pid: number): number | null {
  const stat = readSmallFileOrNull(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The command in parentheses may hold anything, also parentheses: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const pidStart = Number(fields[19]);
  return fields[0] === 'Z' || fields[0] === 'X' || !Number.isSafeInteger(pidStart) ? null : pidStart;
}

function ownNamespace(): number | null {
  try {
    const match = /^pid:\[([1-9]\d{0,14})\]$/.exec(readlinkSync('/proc/self/ns/pid'));
    return match ? Number(match[1]) : null;
  } catch {
    return null;
  }
}
