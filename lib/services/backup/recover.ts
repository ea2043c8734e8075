// SPDX-License-Identifier: MIT
//
// Wakes up what a run left at rest that was killed: its commands and hooks get their thaw.
// Called by: scripts, serve-backup.ts at its start, `hv vss thaw`.

import { isAlive } from '../../bus/binding/process-identity.js';
import { readRecord, removeRecord } from './cycle-record.js';
import { runHook } from './hook-run.js';
import { Journal } from './journal.js';
import { fullSettings } from './settings.js';
import type { BackupSettings } from './types.js';

/**
 * Thaws what commands and hooks brought to rest for a backup whose script was killed; nothing while that is alive. Answers the
 * process id that the script had, null where there is nothing to thaw. File systems are thawed by the freezer in such a case,
 * and by `thawFileSystems` if that was killed too.
 * @throws TypeError; VmbusError ERR_VMBUS_NOT_A_GUEST (no such root)
 * @category Backup
 */
export async function recoverBackup(
  options: Pick<BackupSettings, 'root' | 'hookTimeoutMs' | 'onEvent'> = {},
): Promise<number | null> {
  const { root, hookTimeoutMs } = fullSettings(options);
  return recoverRecorded(root, new Journal((event) => options.onEvent?.(event)), hookTimeoutMs);
}

/** The same for a service that starts. The last begun is thawed first. */
export async function recoverRecorded(root: string, journal: Journal, hookTimeoutMs: number): Promise<number | null> {
  const record = readRecord(root);
  if (!record || isAlive(record.process)) return null;
  for (const { name, thawWords } of [...record.begun].reverse()) {
    const run = await runHook(
      { name, words: thawWords },
      { timeoutMs: hookTimeoutMs, env: { VMBUS_PHASE: 'thaw', VMBUS_REASON: 'closed' } },
    );
    journal.add({ kind: 'hook', phase: 'thaw', run });
  }
  removeRecord(root);
  journal.add({ kind: 'recovered', pid: record.process.pid });
  return record.process.pid;
}
