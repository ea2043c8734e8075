// SPDX-License-Identifier: MIT
//
// Lines of the tables in /proc: mounts, routes, connections. They can be longer than any sysfs attribute.
// Called by storage.ts, network.ts, nodes.ts.

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
