// SPDX-License-Identifier: MIT
//
// Both kinds of locks on a pool's file, waited for on the event loop: the daemon uses fcntl, cloud-init and others flock, and
// the two do not see each other.
// Called by pool.ts. The work under the locks is synchronous, so it is as short as it can be and nothing of this process runs
// in between: the daemon waits in a system call, and with it the host.

import { setTimeout as pause } from 'node:timers/promises';

import { errnoName, VmbusError } from '../../errors.js';
import { FileLock } from '../../native/file-lock-functions.js';
import { native } from '../../native/load.js';
import { lockHolder } from './lock-holder.js';
import type { PoolFile } from './pool-file.js';

const EAGAIN = 11;
/** Longest pause between two tries. A writer holds the locks for well under a millisecond. */
const longestPauseMs = 40;

/** How long to try. */
export interface Patience {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Runs `work` while nobody else writes (`shared`), or while nobody else looks (`exclusive`). */
export async function withLocks<T>(
  file: PoolFile,
  kind: 'shared' | 'exclusive',
  { timeoutMs, signal }: Patience,
  work: () => T,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    const tried = tryLocked(file, kind, work);
    if (tried.done) return tried.value;
    if (performance.now() >= deadline) throw stillLocked(file.path, timeoutMs);
    // Of different length for each: two that met once do not meet again and again.
    const most = Math.min(2 ** Math.min(attempt, 10), longestPauseMs);
    await pause(1 + Math.random() * most, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

type Tried<T> = { readonly done: true; readonly value: T } | { readonly done: false };

function tryLocked<T>(file: PoolFile, kind: 'shared' | 'exclusive', work: () => T): Tried<T> {
  const fd = file.open({ forWriting: kind === 'exclusive' });
  if (!tryBoth(fd, FileLock[kind], file.path)) return { done: false };
  try {
    // Replaced between the opening and the lock: what is locked is a file without a name.
    return file.isCurrent ? { done: true, value: work() } : { done: false };
  } finally {
    unlock(fd);
  }
}

/** Both or none; never waits while holding one. */
function tryBoth(fd: number, lock: number, path: string): boolean {
  const binding = native();
  for (const [name, take] of [
    ['flock', binding.lockFile],
    ['fcntl', binding.lockRecords],
  ] as const) {
    const answer = take(fd, lock);
    if (answer === 0) continue;
    unlock(fd);
    if (answer === -EAGAIN) return false;
    throw new VmbusError('ERR_VMBUS_SYSTEM', `cannot lock ${path}: ${errnoName(-answer)}`, {
      path,
      syscall: name,
      errno: -answer,
      errnoName: errnoName(-answer),
      hint: `see what it is on: \`df ${path}\``,
    });
  }
  return true;
}

function unlock(fd: number): void {
  native().lockRecords(fd, FileLock.none);
  native().lockFile(fd, FileLock.none);
}

function stillLocked(path: string, timeoutMs: number): VmbusError {
  const pid = lockHolder(path);
  const who = pid === null ? 'another program' : `process ${pid}`;
  return new VmbusError('ERR_VMBUS_BUSY', `${who} has locked ${path} for ${timeoutMs} ms and longer`, {
    path,
    hint: pid === null ? `see who: \`lslocks | grep kvp_pool\`` : `see what it does: \`ps -fp ${pid}\``,
    facts: { pid, timeoutMs },
  });
}
