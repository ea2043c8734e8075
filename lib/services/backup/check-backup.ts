// SPDX-License-Identifier: MIT
//
// Everything of a backup but the freeze: the plan, the hooks, and a freezer that opens what it would freeze.
// Called by: scripts, `hv vss dry-run`.

import { checkLimits } from '../../check.js';
import { BackupCycle } from './cycle.js';
import { Freezer } from './freezer.js';
import { Journal } from './journal.js';
import { fullSettings } from './settings.js';
import type { BackupPlan, FreezeMachineOptions } from './types.js';

/**
 * Checks that this machine can be frozen, and freezes nothing: no obstacle among the mounts, every hook can be run, the freezer
 * can open every mount point and lock its memory. Hooks are not run.
 * @throws VmbusError ERR_VMBUS_REFUSED, ERR_VMBUS_PERMISSION, ERR_VMBUS_SYSTEM, ERR_VMBUS_NATIVE_LOAD; the signal's reason;
 * TypeError
 * @example
 * const { order } = await checkBackup({ hooks: '/etc/vmbus/backup.d' });
 * console.log('would freeze', order.map(({ point }) => point));
 * @category Backup
 */
export async function checkBackup(options: FreezeMachineOptions = {}): Promise<BackupPlan> {
  const settings = fullSettings(options, ['signal']);
  checkLimits(options);
  const plan = new BackupCycle(settings, new Journal()).check();
  if (settings.root !== '/' || plan.order.length === 0) return plan;
  const { deadlineMs } = settings;
  const freezer = await Freezer.open(plan.order, { deadlineMs, signal: options.signal });
  await freezer.thaw();
  return plan;
}
