// SPDX-License-Identifier: MIT
//
// What a root's distribution calls itself. Source: os-release(5).
// Called by services/kvp/daemon/auto-values.ts, insight/doctor/distribution.ts.

import { under } from '../root.js';
import { readTableLines } from '../use/proc-table.js';

/** The fields, without their quotes; none where there is no such file. */
export function readOsRelease(root: string): ReadonlyMap<string, string> {
  const own = readTableLines(under(root, 'etc/os-release'));
  const lines = own.length > 0 ? own : readTableLines(under(root, 'usr/lib/os-release'));
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const [, key, value = ''] = /^([A-Z0-9_]+)=(.*)$/.exec(line) ?? [];
      return key === undefined ? [] : [[key, value.trim().replace(/^(["'])(.*)\1$/, '$2')]];
    }),
  );
}
