// SPDX-License-Identifier: MIT
//
// Entry of the helper process: waits for a deadline, or for the end of the process that bound a device, and gives it back.
// Started by rollback-helper.ts as `node rollback-main.js MODE ROOT GUID SINCE`; calls restore.ts. Ends by itself as soon as
// the record is gone or is another one: kept, restored, or the machine's tree removed.

import { setTimeout as pause } from 'node:timers/promises';

import { isGuid, parseGuid } from '../../guid.js';
import type { BindingRecord } from '../types.js';
import { isAlive } from './process-identity.js';
import { findRecord } from './record.js';
import { restoreRecord } from './restore.js';

/** How often the record is looked at: it can vanish at any time, and a wait must end with it. */
const lookEveryMs = 250;
/** While the node is still open nothing can be done; look again, more and more seldom. */
const longestRetryMs = 5_000;

const [mode, root, device, since] = process.argv.slice(2);
if ((mode === 'at-deadline' || mode === 'after-owner') && root && isGuid(device) && device && since)
  await run(root, device, since, mode);

async function run(tree: string, guid: string, begun: string, when: 'at-deadline' | 'after-owner'): Promise<void> {
  const id = parseGuid(guid);
  const current = (): BindingRecord | null => {
    const found = findRecord(tree, id);
    // Damaged, but not gone: what is remembered is what there is to go by.
    if (found.kind === 'damaged' || found.kind === 'hidden') return record;
    if (found.kind === 'absent' || found.record.since !== begun) return null;
    return when === 'after-owner' || found.record.rollbackAt !== null ? found.record : null;
  };
  // Asked again under the lock: the owner may have kept the device while this process waited for it.
  const isDue = (now: BindingRecord): boolean => (when === 'at-deadline' ? now.rollbackAt !== null : !isAlive(now));
  let record: BindingRecord | null = null;
  record = current();
  // The span is taken once: a clock that is set meanwhile must not stretch or shorten it.
  const waitMs = when === 'at-deadline' ? Date.parse(record?.rollbackAt ?? '') - Date.now() : Number.POSITIVE_INFINITY;
  const deadline = performance.now() + waitMs;
  while (record !== null && !(when === 'at-deadline' ? performance.now() >= deadline : !isAlive(record))) {
    await pause(Math.max(1, Math.min(lookEveryMs, deadline - performance.now())));
    record = current();
  }
  for (let delay = lookEveryMs; record !== null; delay = Math.min(delay * 2, longestRetryMs)) {
    try {
      await restoreRecord(tree, record, { force: true }, isDue);
    } catch {
      await pause(delay);
    }
    record = current();
  }
}
