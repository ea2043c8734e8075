// SPDX-License-Identifier: MIT
//
// What is really at a mount point: a folder or a file, of which mount, of which device.
// Called by: plan.ts.

import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { errorCode } from '../../bus/system-error.js';
import { showDeviceNumber } from '../../bus/use/device-number.js';

/** What is there. */
export interface MountLook {
  readonly isFolder: boolean;
  /** `major:minor` of stat(2): the number of a btrfs subvolume is its own. */
  readonly device: string;
  /** Id of the mount that a path leads to; null where the kernel does not tell. */
  readonly mountId: number | null;
}

/** Looks at a path; null where it can't be reached. */
export function lookAt(path: string): MountLook | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return errorCode(error) === 'EACCES' ? fromOutside(path) : null;
  }
  try {
    const status = fstatSync(fd);
    return { isFolder: status.isDirectory(), device: showDeviceNumber(status.dev), mountId: mountIdOf(fd) };
  } catch {
    return null;
  } finally {
    closeSync(fd);
  }
}

/** A folder that may not be read can be looked at all the same. */
function fromOutside(path: string): MountLook | null {
  try {
    const status = statSync(path);
    return { isFolder: status.isDirectory(), device: showDeviceNumber(status.dev), mountId: null };
  } catch {
    return null;
  }
}

function mountIdOf(fd: number): number | null {
  try {
    const [, id] = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
    return id === undefined ? null : Number(id);
  } catch {
    return null;
  }
}
