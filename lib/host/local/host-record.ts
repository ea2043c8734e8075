// SPDX-License-Identifier: MIT
//
// The record that a simulated host leaves in its folder, `run/vmbus/host.json`; and the folders of hosts that were killed,
// which could not remove them: they lie in memory and would stay there.
// Called by: simulated-host.ts, tree.ts. Source of the process facts: proc_pid_stat(5), pid_namespaces(7), random(4).

import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import type { HostedDevice } from '../types.js';

/** Where the record lies in the folder. */
export const recordEntry = 'run/vmbus/host.json';

/** A process, told apart from a later one of the same number, and from one of another container or machine. */
interface ProcessMark {
  readonly pid: number;
  readonly startTime: string;
  readonly pidNamespace: string;
  readonly bootId: string;
}

/** Text of the record. `isFresh`: the folder was made for this host alone, and goes with it. */
export function recordText(started: Date, isFresh: boolean, devices: readonly HostedDevice[]): string {
  const list = devices.map(({ name, classGuid, instanceGuid, relid }) => ({ name, classGuid, instanceGuid, relid }));
  const process = { pid: globalThis.process.pid, ...ownMark() };
  const record = { schema: 1, ...process, started: started.toISOString(), isFresh, devices: list };
  return `${JSON.stringify(record, null, 2)}\n`;
}

/**
 * Removes what killed hosts left in a folder for temporary files: folders of ours alone, with the record of a process that
 * is certainly gone. In doubt a folder stays.
 */
export function removeLeftovers(parent: string): void {
  const here = ownMark();
  if (here === null) return;
  for (const name of listOf(parent)) {
    const folder = join(parent, name);
    if (!/^vmbus-[A-Za-z0-9]{6}$/.test(name) || !isOurs(folder)) continue;
    const mark = freshMark(folder);
    if (mark === null || mark.bootId !== here.bootId || mark.pidNamespace !== here.pidNamespace) continue;
    if (!isGone(mark)) continue;
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // Not worth more than another try at the next start.
    }
  }
}

/** Facts of this process; null where /proc does not tell them. */
function ownMark(): ProcessMark | null {
  try {
    const pidNamespace = readlinkSync('/proc/self/ns/pid');
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { pid: process.pid, startTime: startTimeOf('self'), pidNamespace, bootId };
  } catch {
    return null;
  }
}

/** Field 22 of stat, in ticks since boot; the name in field 2 may hold spaces and parentheses. */
function startTimeOf(pid: number | 'self'): string {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const time = text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  if (time === undefined || !/^\d+$/.test(time)) throw new Error('stat has no start time');
  return time;
}

/** A real folder of this user that nobody else may write to: what it holds is what we left there. */
function isOurs(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === process.geteuid?.() && (stat.mode & 0o022) === 0;
}

function freshMark(folder: string): ProcessMark | null {
  try {
    const record = JSON.parse(readFileSync(join(folder, recordEntry), 'utf8')) as Record<string, unknown> | null;
    const { isFresh, pid, startTime, pidNamespace, bootId } = record ?? {};
    if (isFresh !== true || !Number.isInteger(pid) || (pid as number) < 1) return null;
    if (typeof startTime !== 'string' || typeof pidNamespace !== 'string' || typeof bootId !== 'string') return null;
    return { pid: pid as number, startTime, pidNamespace, bootId };
  } catch {
    return null;
  }
}

/** No process has the number, or one that began at another time. */
function isGone({ pid, startTime }: ProcessMark): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  try {
    return startTimeOf(pid) !== startTime;
  } catch {
    return false;
  }
}

function listOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
