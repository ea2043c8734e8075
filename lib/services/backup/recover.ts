// SPDX-License-Identifier: MIT
//
// Wakes up what a run left at rest that was killed: its commands and hooks get their thaw.
// Called by: serve-backup.ts at its start, `hv vss thaw`.

import { isAlive } from '../../bus/binding/process-identity.js';
import { readRecord, removeRecord } from './cycle-record.js';
import { runHook } from './hook-run.js';
import type { Journal } from './journal.js';

/** Thaws what is on record, the last begun first, unless who began it is alive. Answers its process id, or null. */
export async function recoverBackup(root: string, journal: Journal, hookTimeoutMs: number): Promise<number | null> {
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
