// SPDX-License-Identifier: MIT
//
// What starts services in a root: a running system, or the folder of an image that is being built.
// Called by plan.ts.

import { existsSync } from 'node:fs';
import { under } from '../../bus/root.js';
import type { InitSystem } from './catalog.js';

const marks: readonly (readonly [string, InitSystem])[] = [
  ['run/systemd/system', 'systemd'],
  ['run/openrc', 'openrc'],
  ['usr/lib/systemd/systemd', 'systemd'],
  ['lib/systemd/systemd', 'systemd'],
  ['sbin/openrc', 'openrc'],
  ['usr/sbin/openrc', 'openrc'],
  ['sbin/openrc-run', 'openrc'],
];

/** What runs comes before what is installed. */
export function initSystemOf(root: string): InitSystem {
  return marks.find(([mark]) => existsSync(under(root, mark)))?.[1] ?? 'unknown';
}
