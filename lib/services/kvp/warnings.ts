// SPDX-License-Identifier: MIT
//
// What the caller of a write should know: secrets that everybody can read, keys that Windows takes for one, pools of others.
// Called by pool.ts.

import type { KvpPoolName } from '../../protocol/kvp.js';
import { poolTitles } from '../../protocol/kvp-known-keys.js';
import type { PoolModel } from './pool-model.js';
import type { KvpWarning } from './types.js';

const secretWords =
  /pass(?:word|wd|phrase|code)|pwd|secret|token|credential|private[-_. ]?key|api[-_. ]?key|access[-_. ]?key|\bsas\b/i;

/** Whether a key's name promises a secret. */
export function looksSecret(key: string): boolean {
  return secretWords.test(key);
}

/** Groups of keys that differ by case only. */
export function caseTwins(keys: Iterable<string>): readonly (readonly string[])[] {
  const groups = new Map<string, Set<string>>();
  for (const key of keys) {
    const folded = key.toLowerCase();
    groups.set(folded, (groups.get(folded) ?? new Set()).add(key));
  }
  return [...groups.values()].filter(({ size }) => size > 1).map((group) => [...group]);
}

/** Where a write went. */
interface Written {
  readonly pool: KvpPoolName;
  readonly path: string;
  readonly mode: number;
}

/** Warnings for a write. */
export function warningsFor(model: PoolModel, { pool, path, mode }: Written): readonly KvpWarning[] {
  const warnings: KvpWarning[] = [];
  const warn = (kind: KvpWarning['kind'], says: string, key: string | null = null, hint: string | null = null): void =>
    void warnings.push({ kind, says, key, hint });
  if (pool !== 'guest' && (model.changed.size > 0 || model.deleted.size > 0))
    warn(
      'not-ours',
      `the pool ${pool} is not the guest's to write (${poolTitles[pool]}): what was written may be lost`,
    );
  if ((mode & 0o004) !== 0) {
    const hint = `chmod 0600 ${path} (who reads the pool must then be root), or send it another way`;
    for (const key of model.changed)
      if (looksSecret(key)) warn('secret-readable', `every user of this guest can read ${key} in ${path}`, key, hint);
  }
  for (const twins of caseTwins(model.keys)) {
    const key = twins.find((twin) => model.changed.has(twin));
    if (key !== undefined)
      warn('case-twins', `${twins.join(' and ')} are one key for Windows`, key, 'delete one of them');
  }
  for (const [key, records] of model.deleted)
    if (records > 1) warn('duplicates-removed', `${records} records had the key ${key}`, key);
  for (const key of model.merged) warn('duplicates-removed', `several records had the key ${key}; one is left`, key);
  if (model.tailBytes > 0)
    warn('repaired', `${model.tailBytes} bytes at the end of ${path} were no record, and are gone`);
  if (model.leftovers > 0) warn('repaired', `${model.leftovers} records that a writer left when it died are gone`);
  return warnings;
}
