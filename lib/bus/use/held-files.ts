// SPDX-License-Identifier: MIT
//
// The files that a process has open or mapped.
// Called by nodes.ts. Source: proc_pid_fd(5), proc_pid_maps(5), proc_pid_map_files(5).
// What went away with its process is no file of it; everything else that can't be read is thrown: silence would pass for "none".

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

import { errorCode } from '../system-error.js';

/** A file that a process holds. */
export interface HeldFile {
  /** As the kernel names it: from our root where we can reach it, else from the root of its mount. */
  readonly path: string;
  readonly isDeleted: boolean;
  readonly how: 'open' | 'mapped';
  /** A link of /proc to the very file, whatever its name is. */
  readonly link: string;
}

const deleted = / \(deleted\)$/;

/** Files of the process in this folder of /proc. @throws the system's error where they are hidden */
export function* heldFiles(process: string): Generator<HeldFile, void> {
  const fds = namesIn(`${process}/fd`);
  yield* filesOf(process, fds);
  if (fds.length > 0) return;
  // Threads can outlive the first one, and only they show its files then.
  for (const thread of namesIn(`${process}/task`)) {
    const folder = `${process}/task/${thread}`;
    if (!process.endsWith(`/${thread}`)) yield* filesOf(folder, namesIn(`${folder}/fd`));
  }
}

function* filesOf(folder: string, fds: readonly string[]): Generator<HeldFile, void> {
  for (const fd of fds) {
    const link = `${folder}/fd/${fd}`;
    const target = unlessGone(() => readlinkSync(link), '');
    // Sockets, pipes and so on have no path.
    if (target.startsWith('/')) yield fileOf(target, 'open', link);
  }
  let before = '';
  for (const line of unlessGone(() => readFileSync(`${folder}/maps`, 'utf8'), '').split('\n')) {
    const start = line.indexOf('/');
    if (start < 0) continue;
    // A file is mostly mapped in several pieces, one after the other. Its file system, inode and path end the line.
    const file = line.slice(line.lastIndexOf(' ', line.indexOf(':')));
    if (file !== before) yield fileOf(line.slice(start), 'mapped', `${folder}/map_files/${rangeOf(line)}`);
    before = file;
  }
}

function fileOf(target: string, how: HeldFile['how'], link: string): HeldFile {
  return { path: target.replace(deleted, ''), isDeleted: deleted.test(target), how, link };
}

/** Name in map_files, where addresses have no leading zeros as they have in maps. */
function rangeOf(line: string): string {
  return line
    .slice(0, line.indexOf(' '))
    .split('-')
    .map((address) => address.replace(/^0+(?=.)/, ''))
    .join('-');
}

function namesIn(folder: string): string[] {
  return unlessGone(() => readdirSync(folder), []);
}

function unlessGone<T>(read: () => T, gone: T): T {
  try {
    return read();
  } catch (error) {
    if (isGone(error)) return gone;
    throw error;
  }
}

/** Whether the error says that the process has ended, or closed the file, in the meantime. */
export function isGone(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ESRCH';
}
