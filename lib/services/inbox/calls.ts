// SPDX-License-Identifier: MIT
//
// The addon's calls on folders and files, as promises with errors that name the path.
// Called by: walk.ts, arriving-file.ts.

import { errorNumber } from '../../bus/system-error.js';
import { errnoName, VmbusError } from '../../errors.js';
import { native } from '../../native/load.js';

/** A call that answers by its last argument. */
type Call = (done: (answer: number) => void) => void;

/** A descriptor that is closed once, off the event loop. */
export class Descriptor {
  readonly fd: number;
  #closed: Promise<void> | undefined;

  constructor(fd: number) {
    this.fd = fd;
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => native().closeInbox(this.fd, () => resolve()));
    return this.#closed;
  }
}

/** What a call answers: 0 or more, or a negative errno. */
export function answerOf(call: Call): Promise<number> {
  return new Promise((resolve) => call(resolve));
}

/** What a call opens. @throws VmbusError ERR_VMBUS_SYSTEM */
export async function opened(call: Call, syscall: string, path: string): Promise<Descriptor> {
  return new Descriptor(await done(call, syscall, path));
}

/** @throws VmbusError ERR_VMBUS_SYSTEM unless the call answers that it is done */
export async function done(call: Call, syscall: string, path: string): Promise<number> {
  const answer = await answerOf(call);
  if (answer < 0) throw systemError(-answer, syscall, path);
  return answer;
}

/** What the host is told of an errno, by its name in IcStatus; everything else is `failed`. */
const statuses: Readonly<Record<string, string>> = {
  EEXIST: 'fileExists',
  ENOSPC: 'diskFull',
  EDQUOT: 'diskFull',
  EFBIG: 'fileTooLarge',
  EACCES: 'accessDenied',
  EPERM: 'accessDenied',
  EROFS: 'accessDenied',
};

const reasons: Readonly<Record<string, string>> = {
  EEXIST: 'it is there already',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'it is larger than a file may be here',
  ENOTDIR: 'something on the way is a link or no folder',
  ELOOP: 'something on the way is a link',
  ESTALE: 'somebody put another folder in its place',
};

const hints: Readonly<Record<string, (path: string) => string>> = {
  ENOSPC: () => 'make room: `df -h`',
  EDQUOT: () => 'see the quota: `quota`',
  ENOTDIR: (path) => `see what is there: \`namei -l ${path}\``,
  ELOOP: (path) => `see what is there: \`namei -l ${path}\``,
};

/** The error for a file or folder that cannot be made. */
export function systemError(errno: number, syscall: string, path: string): VmbusError {
  const name = errnoName(errno);
  const hint = hints[name]?.(path);
  return new VmbusError('ERR_VMBUS_SYSTEM', `cannot receive ${path}: ${reasons[name] ?? name}`, {
    path,
    syscall,
    errno,
    errnoName: name,
    facts: { status: statuses[name] ?? 'failed' },
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The same for an error of node:fs. */
export function asSystemError(error: unknown, syscall: string, path: string): unknown {
  const errno = errorNumber(error);
  return errno > 0 ? systemError(errno, syscall, path) : error;
}
