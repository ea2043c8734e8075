// SPDX-License-Identifier: MIT
//
// The hooks in a folder such as /etc/vmbus/backup.d: which files are meant, in which order, and whether they may be run as root.
// Called by: cycle.ts, serve-backup.ts, `hv vss explain`.

import { accessSync, constants, readdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../bus/system-error.js';
import { VmbusError } from '../../errors.js';
import type { BackupHook } from './types.js';

/** What editors and package managers leave behind, what is hidden, and what explains. */
const ignored = /^\.|~$|^README|\.(bak|disabled|example|md|orig|rpm(new|save)|sample|swp|txt|dpkg-[a-z]+)$/i;

/**
 * Hooks in the order in which they run for a freeze: by name, byte by byte. One that can't be run is listed with the reason: a
 * backup whose hook is left out in silence is not the backup that was meant.
 * @throws VmbusError ERR_VMBUS_SYSTEM where the folder can't be read
 */
export function listHooks(folder: string): BackupHook[] {
  let names: string[];
  try {
    names = readdirSync(folder);
    checkOwner(folder, statSync(folder));
  } catch (error) {
    if (VmbusError.is(error)) throw error;
    throw new VmbusError('ERR_VMBUS_SYSTEM', `the folder of hooks ${folder} can't be read: ${errorCode(error)}`, {
      path: folder,
      syscall: 'scandir',
      hint: `mkdir -p ${folder}, or name another one`,
      cause: error,
    });
  }
  return names
    .filter((name) => !ignored.test(name))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((name) => ({ name, path: join(folder, name), problem: problemOf(join(folder, name)) }));
}

/** @throws VmbusError ERR_VMBUS_REFUSED for the first hook that can't be run */
export function checkHooks(hooks: readonly BackupHook[]): void {
  const bad = hooks.find(({ problem }) => problem !== null);
  if (!bad) return;
  throw new VmbusError('ERR_VMBUS_REFUSED', `the hook ${bad.path} ${bad.problem}`, {
    path: bad.path,
    hint: `chmod 755 ${bad.path} if it is meant to run; mv ${bad.path} ${bad.path}.disabled if not`,
  });
}

function problemOf(path: string): string | null {
  try {
    const status = statSync(path);
    if (!status.isFile()) return 'is no file';
    checkOwner(path, status);
    accessSync(path, constants.X_OK);
    return null;
  } catch (error) {
    if (VmbusError.is(error)) return error.message.slice(path.length + 1);
    return errorCode(error) === 'EACCES' ? 'is not executable' : `can't be read: ${errorCode(error)}`;
  }
}

/** What others can write to, others can have run as root. */
function checkOwner(path: string, { uid, mode }: Stats): void {
  const isOurs = uid === 0 || uid === process.getuid?.();
  if (isOurs && (mode & 0o022) === 0) return;
  const who = isOurs ? 'may be written to by others' : `belongs to user ${uid}`;
  throw new VmbusError('ERR_VMBUS_REFUSED', `${path} ${who}`, {
    path,
    hint: `chown root ${path} && chmod go-w ${path}`,
  });
}
