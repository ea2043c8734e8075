// SPDX-License-Identifier: MIT
//
// The part of the addon's surface that locks files which Node opened: Node itself has no locks. Nothing waits.
// Part of binding.ts. Counterpart: native/binding/file_lock_functions.cc.

/** What a lock is to be. */
export const FileLock = {
  none: 0,
  /** Others may share it. */
  shared: 1,
  /** Nobody else. Needs a descriptor open for writing. */
  exclusive: 2,
} as const;

/** Locks on whole files, of the open file description: closing another descriptor does not lose them. */
export interface FileLockFunctions {
  /**
   * An open-file-description lock, which excludes programs that use fcntl(2) locks. 0, or a negative errno: -EAGAIN while
   * another has it.
   */
  lockRecords(fd: number, lock: number): number;
  /** flock(2), for programs that use that: the two kinds do not see each other. The same answers. */
  lockFile(fd: number, lock: number): number;
}
