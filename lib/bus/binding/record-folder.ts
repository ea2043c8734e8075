// SPDX-License-Identifier: MIT
//
// The folder of the records and locks: `/run/vmbus/bindings`, for its owner only.
// Called by record.ts and lock.ts.

import { chmodSync, closeSync, fsyncSync, lstatSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

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

/** Makes the folder of the records, for its owner only; throws ERR_VMBUS_PERMISSION where that is not allowed. */
export function prepareFolder(root: string): string {
  const folder = recordFolder(root);
  // Not in a tree whose simulated host has gone: that would leave a folder behind.
  busFolder(root);
  try {
    mkdirSync(dirname(folder), { recursive: true, mode: 0o755 });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    checkOwner(folder);
    chmodSync(folder, 0o700);
  } catch (error) {
    throw storageError(folder, error);
  }
  return folder;
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

/** A folder somebody else prepared could name drivers and devices of his choice. */
function checkOwner(folder: string): void {
  const stat = lstatSync(folder);
  const ours = process.geteuid?.() ?? stat.uid;
  if (!stat.isDirectory() || (stat.uid !== ours && stat.uid !== 0))
    throw Object.assign(new Error('not ours'), { code: 'EPERM' });
}
