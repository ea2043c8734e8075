// SPDX-License-Identifier: MIT
//
// Starts the small process that gives a device back when the one that bound it can't: at a deadline, or after its end.
// Called by driver-binding.ts and exit-guard.ts; the process runs rollback-main.ts.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { VmbusError } from '../../errors.js';
import type { BindingRecord } from '../types.js';

/** When the helper acts: at the record's `rollbackAt`, or as soon as the record's owner is gone. */
export type RollbackMode = 'at-deadline' | 'after-owner';

/** Starts the helper, in a session of its own so that no signal to ours reaches it; resolves once it runs. */
export async function startRollback(root: string, record: BindingRecord, mode: RollbackMode): Promise<void> {
  const child = launch(root, record, mode);
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new VmbusError('ERR_VMBUS_SYSTEM', 'cannot start the process that would give the device back', {
      device: record.device,
      hint: 'check `ulimit -u` and free memory',
      cause,
    });
  }
}

/** The same while this process exits: starts it and does not look back. */
export function startRollbackAtExit(root: string, record: BindingRecord): void {
  launch(root, record, 'after-owner').on('error', () => {});
}

function launch(root: string, record: BindingRecord, mode: RollbackMode): ReturnType<typeof spawn> {
  const main = fileURLToPath(new URL('./rollback-main.js', import.meta.url));
  const child = spawn(process.execPath, [main, mode, root, record.device, record.since], {
    cwd: '/',
    detached: true,
    stdio: 'ignore',
    env: { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  child.unref();
  return child;
}
