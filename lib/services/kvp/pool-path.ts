// SPDX-License-Identifier: MIT
//
// Where a pool's file is, and how it is made. Nothing is followed out of the root, and the last component is never a link.
// Called by pool-file.ts and pool.ts. Modes as the daemon's: folder 0755, file 0644.

import { chmodSync, closeSync, constants, fchmodSync, mkdirSync, openSync, realpathSync } from 'node:fs';
import { isInside, under } from '../../bus/root.js';
import { errorCode, errorNumber } from '../../bus/system-error.js';
import { VmbusError } from '../../errors.js';
import { KvpPool, type KvpPoolName } from '../../protocol/kvp.js';

const folderName = 'var/lib/hyperv';

/** The folder of the pools. */
export function poolFolder(root: string): string {
  return under(root, folderName);
}

/** The file of a pool. */
export function poolPath(root: string, name: KvpPoolName): string {
  return `${poolFolder(root)}/.kvp_pool_${KvpPool[name]}`;
}

/** Makes the file, and the folder it is in, where they are missing. @throws VmbusError ERR_VMBUS_PERMISSION, ERR_VMBUS_SYSTEM */
export function createPool(root: string, name: KvpPoolName): void {
  const path = poolPath(root, name);
  try {
    makeFolder(root);
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
    // Whatever the umask: the daemon and its readers expect this mode.
    fchmodSync(fd, 0o644);
    closeSync(fd);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw poolError(path, error, 'create');
  }
}

/** Folder by folder, so that none is made where a link leads out of the root. */
function makeFolder(root: string): void {
  let folder = root;
  for (const name of folderName.split('/')) {
    folder = under(folder, name);
    try {
      mkdirSync(folder);
      chmodSync(folder, 0o755);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    checkInside(root, folder);
  }
}

/** @throws VmbusError ERR_VMBUS_SYSTEM when the path leads out of the root by a link */
export function checkInside(root: string, path: string): void {
  if (isInside(root, realpathSync(path))) return;
  throw new VmbusError('ERR_VMBUS_SYSTEM', `${path} leads out of ${root}: a link stands in its way`, {
    path,
    hint: `see \`namei -l ${path}\``,
  });
}

/** The error for a pool's file that is not there. */
export function noPool(path: string, name: KvpPoolName): VmbusError {
  return new VmbusError('ERR_VMBUS_NO_POOL', `there is no pool ${name}: ${path} is missing`, {
    path,
    hint: 'the key-value daemon makes it when it starts: `hv doctor --only kvp` tells why it has not; --create makes it now',
    facts: { pool: name },
  });
}

/** The error for a system call on a pool's file. */
export function poolError(path: string, cause: unknown, action: 'read' | 'write' | 'create'): VmbusError {
  if (VmbusError.is(cause)) return cause;
  const code = errorCode(cause);
  const isLink = code === 'ELOOP';
  const isDenied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  const said = isLink ? 'it is a symbolic link, which is not followed' : code;
  return new VmbusError(isDenied ? 'ERR_VMBUS_PERMISSION' : 'ERR_VMBUS_SYSTEM', `cannot ${action} ${path}: ${said}`, {
    path,
    errno: errorNumber(cause),
    errnoName: code,
    hint: isDenied ? 'run the command as root (`sudo hv …`)' : `see \`ls -la ${path}\``,
    cause,
  });
}
