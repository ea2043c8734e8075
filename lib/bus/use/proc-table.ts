// SPDX-License-Identifier: MIT
//
// Lines of text files that can be longer than any sysfs attribute: the tables in /proc, files of the system in /etc.
// Called by storage.ts, network.ts, nodes.ts, read/os-release.ts, services/kvp/daemon.

import { readFileSync } from 'node:fs';

/** Lines of a table; none where it can't be read. */
export function readTableLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}
