// SPDX-License-Identifier: MIT
//
// Wakes up what a run left at rest that was killed: its commands and hooks get their thaw.
// Called by: scripts, serve-backup.ts at its start, `hv vss thaw`.

import { rmSync } from 'node:fs';
import { isAlive } from '../../bus/binding/process-identity.js';
import { readRecords } from './cycle-record.js';
import { runHook } from './hook-run.js';
import { Journal } from './journal.js';
import { fullSettings } from './settings.js';
import type { BackupSettings } from './types.js';

/**
 * Thaws what commands and hooks brought to rest for backups whose scripts were killed; nothing of scripts that are alive. Answers
 * the process ids that those had. File systems are thawed by the freezer in such a case, and by `thawFileSystems` if that was
 * killed too.
 * @throws TypeError; VmbusError ERR_VMBUS_NOT_A_GUEST (no such root)
 * @category Backup
 */
export async function recoverBackups(
  options: Pick<BackupSettings, 'root' | 'hookTimeoutMs' | 'onEvent'> = {},
): Promise<readonly number[]> {
  const { root, hookTimeoutMs } = fullSettings(options);
  return recoverRecorded(root, new Journal((event) => options.onEvent?.(event)), hookTimeoutMs);
}

/** The same for a service that starts. Of each backup the last begun is thawed first. */
export async function recoverRecorded(root: string, journal: Journal, hookTimeoutMs: number): Promise<number[]> {
  const dead = readRecords(root).filter(({ record }) => !isAlive(record.process));
  for (const { path, record } of dead) {
    for (const { name, thawWords } of [...record.begun].reverse()) {
      const env = { VMBUS_PHASE: 'thaw', VMBUS_REASON: 'closed' };
      const run = await runHook({ name, words: thawWords }, { timeoutMs: hookTimeoutMs, env });
      journal.add({ kind: 'hook', phase: 'thaw', run });
    }
    rmSync(path, { force: true });
    journal.add({ kind: 'recovered', pid: record.process.pid });
  }
  return dead.map(({ record }) => record.process.pid);
}
