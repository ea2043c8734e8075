// SPDX-License-Identifier: MIT
//
// A file that is there as it was or as it is to be, never in part: written beside its place under a hidden name, which the
// programs that read such folders pass over, and moved there.
// Called by the services that write files of the system.

import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Puts a file in its place, and makes its folder where there is none. @throws the system's error; the old file stays then */
export function replaceFile(file: string, text: string, mode: number): void {
  const folder = path.dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const fresh = path.join(folder, `.${path.basename(file)}.new`);
  // What a crash left.
  rmSync(fresh, { force: true });
  try {
    writeFileSync(fresh, text, { mode, flag: 'wx', flush: true });
    // Whatever the umask says.
    chmodSync(fresh, mode);
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}
