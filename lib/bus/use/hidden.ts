// SPDX-License-Identifier: MIT
//
// What cannot be seen of the processes: files that are not ours to look at, and processes that /proc does not even list.
// Called by nodes.ts (to find it), device-use.ts (to say it). Source: proc(5) (hidepid), proc_pid_stat(5), pid_namespaces(7).

import { readFileSync, readlinkSync, statSync } from 'node:fs';

import { isGone } from './held-files.js';

/** A process whose files could not be looked at. */
export interface HiddenProcess {
  readonly pid: number;
  readonly command: string;
}

/** Why there may be processes beyond those that /proc lists: a pid namespace, its option hidepid, or no /proc at all. */
export type Unlisted = 'container' | 'hidepid' | 'no-proc';

/** What a search could not see. */
export interface Hidden {
  readonly processes: readonly HiddenProcess[];
  readonly unlisted: Unlisted | null;
}

/** The machine's first pid namespace has this number on every kernel (PROC_PID_INIT_INO). */
const firstPidNamespace = 'pid:[4026531836]';
const isKernelThread = 0x0020_0000;

/** Whether a process that hides its files can have any: not one that has ended, and no thread of the kernel. */
export function mayHoldFiles(process: string): boolean {
  let stat: string;
  try {
    stat = readFileSync(`${process}/stat`, 'latin1');
  } catch (error) {
    return !isGone(error);
  }
  // From the third field on; the second one, the command, can hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, flags, threads] = [fields[0] ?? '', Number(fields[6]), Number(fields[17])];
  const hasEnded = (state === 'Z' || state === 'X') && threads <= 1;
  return !hasEnded && (flags & isKernelThread) === 0;
}

/** Whether /proc leaves processes out; `listed` says how many it has. Null also in a tree that is no machine's. */
export function unlistedProcesses(root: string, proc: string, listed: number): Unlisted | null {
  if (listed === 0) return root === '/' ? 'no-proc' : null;
  const own = linkText(`${proc}/self/ns/pid`);
  const first = linkText(`${proc}/1/ns/pid`) ?? own;
  if (first !== null && first !== firstPidNamespace) return 'container';
  // Every /proc has a first process, for those who may see it.
  const isFirstSeen = statSync(`${proc}/1`, { throwIfNoEntry: false }) !== undefined;
  return own === null || isFirstSeen ? null : 'hidepid';
}

/** What can't be told, in words; null for nothing. `what` names what is looked for. */
export function hiddenText({ processes, unlisted }: Hidden, what: string): string | null {
  const [first, ...more] = processes;
  const may = `may have ${what} open`;
  if (first !== undefined) {
    const others = more.length > 0 ? ` and ${more.length} more` : '';
    return `it can't be told for pid ${first.pid} (${first.command})${others} whether ${what} is open there`;
  }
  switch (unlisted) {
    case null:
      return null;
    case 'container':
      return `processes outside this container can't be seen from its pid namespace, and ${may}`;
    case 'hidepid':
      return `/proc is mounted so that it hides the processes of others, which ${may}`;
    case 'no-proc':
      return `/proc is not mounted: whether anybody has ${what} open can't be told`;
    default:
      return unlisted satisfies never;
  }
}

/** What to do so that it can be told. */
export function hiddenHint({ processes, unlisted }: Hidden): string {
  if (unlisted === 'no-proc') return 'mount -t proc proc /proc';
  if (unlisted === 'container')
    return "run the command as root of the machine itself, or start the container in the machine's pid namespace (--pid=host)";
  if (process.geteuid?.() !== 0) return 'run the command as root (`sudo hv …`)';
  return processes.length > 0
    ? 'this root may not look into other processes (CAP_SYS_PTRACE, a security module): run the command as root of the machine'
    : 'run the command as a root that sees all processes (CAP_SYS_PTRACE)';
}

function linkText(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
