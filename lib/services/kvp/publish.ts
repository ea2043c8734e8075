// SPDX-License-Identifier: MIT
//
// Values larger than a record: into the records of a pool, and out of them again. The format is protocol/kvp-parts.ts.
// Called by pool.ts.

import { VmbusError } from '../../errors.js';
import { isPartOf, type JoinedParts, joinParts, type KvpParts, metaKey } from '../../protocol/kvp-parts.js';
import { valueIn } from './pool-model.js';
import type { KvpPoolState, KvpTransaction } from './types.js';

/** Writes the records of a publish; takes away what earlier ones under the key left. @throws VmbusError ERR_VMBUS_IN_USE */
export function putParts(pool: KvpTransaction, key: string, records: readonly (readonly [string, string])[]): void {
  const wanted = new Set(records.map(([name]) => name));
  for (const entry of pool.entries()) {
    if (isPartOf(key, entry)) {
      if (!wanted.has(entry.key)) pool.delete(entry.key);
      continue;
    }
    if (wanted.has(entry.key)) {
      throw new VmbusError('ERR_VMBUS_IN_USE', `${entry.key} holds something that no publish wrote`, {
        hint: `choose another key, or delete it: \`hv kvp del ${entry.key}\``,
        facts: { key: entry.key },
      });
    }
  }
  for (const [name, value] of records) pool.set(name, value);
}

/** What is published under a key. */
export function joined(state: KvpPoolState, key: string): JoinedParts {
  return joinParts(key, (name) => valueIn(state.records, name));
}

/** The published value; otherwise why there is none. @throws VmbusError ERR_VMBUS_NO_KEY, ERR_VMBUS_PROTOCOL */
export function requireWhole(state: KvpPoolState, key: string): KvpParts {
  const found = joined(state, key);
  if (found.state === 'whole') return found.value;
  if (found.state === 'torn') {
    throw new VmbusError('ERR_VMBUS_PROTOCOL', `what is published under ${key} is not whole: ${found.why}`, {
      path: state.path,
      hint: 'wait for it with --wait, publish it again, or look at the records: `hv kvp dump`',
      facts: { service: 'kvp', key, detail: found.why },
    });
  }
  const isPlain = state.records.some((record) => record.key === key);
  throw new VmbusError('ERR_VMBUS_NO_KEY', `nothing is published under ${key}: there is no ${metaKey(key)}`, {
    path: state.path,
    hint: isPlain
      ? `it is a plain key: \`hv kvp get ${key}\``
      : 'wait for it with --wait, or list the keys: `hv kvp ls`',
    facts: { key, pool: state.pool },
  });
}
