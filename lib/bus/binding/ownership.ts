// SPDX-License-Identifier: MIT
//
// Whose a device is that is on record: a living process's, or nobody's any more.
// Called by driver-binding.ts and restore.ts.

import { VmbusError } from '../../errors.js';
import type { BindingRecord } from '../types.js';
import { bootId, isAlive } from './process-identity.js';

/** How long after its deadline a helper may be at work before it counts as gone. */
const graceMs = 30_000;

/** True for a record that nobody stands for any more. */
export function isStale(record: BindingRecord): boolean {
  return record.bootId !== bootId() || (!record.persist && !isAlive(record)) || isOverdue(record);
}

/** @throws ERR_VMBUS_BUSY while the process that bound the device for its own life runs */
export function refuseLivingOwner(record: BindingRecord): void {
  if (record.persist || record.pid === process.pid || !isAlive(record)) return;
  throw new VmbusError(
    'ERR_VMBUS_BUSY',
    `process ${record.pid} bound ${record.device} and still runs; it gives the device back when it ends`,
    {
      device: record.device,
      hint: `kill ${record.pid}, or use --force`,
      facts: { pid: record.pid },
    },
  );
}

/** Its helper should have acted long ago: it is gone as well. */
function isOverdue(record: BindingRecord): boolean {
  return record.rollbackAt !== null && Date.parse(record.rollbackAt) + graceMs < Date.now() && !isAlive(record);
}
