// SPDX-License-Identifier: MIT
//
// What is held under a root, as its records say.
// Called by scripts, `hv ls`, `hv restore` and `hv doctor`.

import { boundDriver } from '../read/device-reader.js';
import { resolveRoot } from '../root.js';
import type { DamagedRecord, ListedBinding } from '../types.js';
import { isStale } from './ownership.js';
import { isAlive } from './process-identity.js';
import { findRecords } from './record.js';

/** Devices held under a root, and by whom. */
export function listBindings(root?: string): ListedBinding[] {
  const tree = resolveRoot(root);
  return findRecords(tree).flatMap((found) => {
    if (found.kind !== 'sound') return [];
    const { record } = found;
    const currentDriver = boundDriver(tree, record.device);
    return { record, currentDriver, ownerAlive: isAlive(record), stale: isStale(record) };
  });
}

/** Records under a root that can't be read: what they say of their devices is lost, and `hv restore --force` puts them aside. */
export function listDamagedRecords(root?: string): DamagedRecord[] {
  return findRecords(resolveRoot(root)).flatMap((found) => (found.kind === 'damaged' ? found.damage : []));
}
