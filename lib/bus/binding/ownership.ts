// SPDX-License-Identifier: MIT
//
// Whose a device is that is on record: a living process's, or nobody's any more.
// Called by driver-binding.ts and restore.ts.

import { VmbusError } from '../../errors.js';
import type { BindingRecord } from '../types.js';
import { bootId, isAlive, isOurselves, lifeOf, nameOf } from './process-identity.js';

/** How long after its deadline a helper may be at work before it counts as gone. */
const graceMs = 30_000;

/** True for a record that nobody stands for any more. Who can't be looked for is taken to stand for his. */
export function isStale(record: BindingRecord): boolean {
  return record.bootId !== bootId() || (!record.persist && !isAlive(record)) || isOverdue(record);
}

/** @throws ERR_VMBUS_BUSY while the process that bound the device for its own life runs, or may run */
export function refuseLivingOwner(record: BindingRecord): void {
  if (record.persist || isOurselves(record)) return;
  const life = lifeOf(record);
  if (life === 'gone') return;
  const [what, hint] =
    life === 'running'
      ? ['still runs; it gives the device back when it ends', `kill ${record.pid}, or use --force`]
      : ["can't be seen from here: whether it still runs is not known", 'restore it from there, or use --force'];
  throw new VmbusError('ERR_VMBUS_BUSY', `${nameOf(record)} bound ${record.device} and ${what}`, {
    device: record.device,
    hint,
    facts: { pid: record.pid },
  });
}

/** Its helper should have acted long ago: it is gone as well. */
function isOverdue(record: BindingRecord): boolean {
  return record.rollbackAt !== null && Date.parse(record.rollbackAt) + graceMs < Date.now() && !isAlive(record);
}
