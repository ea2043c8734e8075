// SPDX-License-Identifier: MIT
//
// What could not be put back, told where nobody listens: at the end of a process, and in the helper that gives a device back
// after it. The kernel's log is read by `dmesg` and by the journal.
// Called by exit-guard.ts and rollback-main.ts.

import { writeFileSync } from 'node:fs';

import type { InterfaceReturn } from './types.js';

/** A warning, in syslog(2)'s numbers. */
const warning = 4;

/** Leaves a line for each piece that is missing. Only on this machine's own root. */
export function tellKernelLog(root: string, returned: InterfaceReturn | null, file = '/dev/kmsg'): void {
  if (root !== '/') return;
  for (const line of returned?.missing ?? []) {
    try {
      writeFileSync(file, `<${warning}>vmbus: ${line.slice(0, 800)}\n`, { flag: 'a' });
    } catch {
      // A container may not write there; there is nobody else to tell.
    }
  }
}
