// SPDX-License-Identifier: MIT
//
// The folder of the records and locks: `/run/vmbus/bindings`, for its owner only.
// Called by record.ts and lock.ts.

import { chmodSync, closeSync, fsyncSync, lstatSync, mkdirSync, openSync } from 'node:fs';
import { join, relative } from 'node:path';

import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { busFolder, under } from '../root.js';
import { errorCode, errorNumber } from '../system-error.js';

/** Folder of the records under a root. */
export function recordFolder(root: string): string {
  return under(root, 'run/vmbus/bindings');
}

/** File of a device's record. */
export function recordPath(root: string, device: Guid): string {
  return `${recordFolder(root)}/${device}.json`;
}

/**
 * Makes the folder of the records, for its owner only, folder by folder: none of them may be a link, which could lead out of
 * the root, or somebody else's, who could name drivers and devices of his choice in it.
 * @throws ERR_VMBUS_PERMISSION, ERR_VMBUS_SYSTEM where that is not allowed
 */
export function prepareFolder(root: string): string {
  const folder = recordFolder(root);
  // Not in a tree whose simulated host has gone: that would leave a folder behind.
  busFolder(root);
  try {
    // The system's own /run may be a link: who could change it needs no other way in.
    let path = root === '/' ? '/run' : root;
    if (root === '/') mkdirSync(path, { recursive: true });
    else checkOurs(path);
    for (const name of relative(path, folder).split('/')) {
      path = join(path, name);
      makeOurs(path, path === folder ? 0o700 : 0o755);
    }
    chmodSync(folder, 0o700);
  } catch (error) {
    throw storageError(folder, error);
  }
  return folder;
}

/** Makes a folder, or believes one that is there. @throws when it is a link, or somebody else's */
export function makeOurs(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  checkOurs(path);
}

/** @throws when the folder is a link, or somebody else's */
export function checkOurs(path: string): void {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) {
    throw new VmbusError('ERR_VMBUS_SYSTEM', `cannot keep records in ${path}: it is no folder, or a link to one`, {
      path,
      hint: `see \`ls -ld ${path}\``,
    });
  }
  if (!isTrusted(stat.uid)) {
    throw new VmbusError('ERR_VMBUS_PERMISSION', `cannot keep records in ${path}: it belongs to user ${stat.uid}`, {
      path,
      hint: `run the command as that user (\`sudo -u '#${stat.uid}' hv …\`)`,
    });
  }
}

/** Whether what a user made can be believed. */
export function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

/** Makes a change of the folder last. */
export function syncFolder(folder: string): void {
  try {
    const fd = openSync(folder, 'r');
    fsyncSync(fd);
    closeSync(fd);
  } catch {
    // The folder may be gone with its simulated host; there is nothing left to keep safe.
  }
}

/** The error for a folder or file that can't be written. */
export function storageError(path: string, cause: unknown): VmbusError {
  if (VmbusError.is(cause)) return cause;
  const code = errorCode(cause);
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new VmbusError(
    denied ? 'ERR_VMBUS_PERMISSION' : 'ERR_VMBUS_SYSTEM',
    `cannot keep records in ${path}: ${code}`,
    {
      path,
      errno: errorNumber(cause),
      errnoName: code,
      cause,
      hint: denied ? 'run the command as root (`sudo hv …`)' : `see \`ls -ld ${path}\` and \`df ${path}\``,
    },
  );
}
