// SPDX-License-Identifier: MIT
//
// Opens a pool of key-value pairs by its name.
// Called by scripts and `hv kvp`. Calls pool.ts.

import { resolveRoot, rootKind } from '../../bus/root.js';
import { checkFlag, checkLimits, checkObject, checkOptionNames } from '../../check.js';
import { invalidValue, VmbusError } from '../../errors.js';
import { type KvpPoolName, KvpPool as PoolNumber } from '../../protocol/kvp.js';
import { Pool } from './pool.js';
import { createPool } from './pool-path.js';
import type { KvpPool, OpenKvpPoolOptions } from './types.js';

/** Names of the pools, in the order of their numbers. */
export const kvpPoolNames: readonly KvpPoolName[] = ['external', 'guest', 'auto', 'autoExternal', 'autoInternal'];

const defaultTimeoutMs = 5000;

/**
 * Opens a pool beside the daemon: `guest` is the one to tell the host something in, `external` and `autoExternal` are what the
 * host tells. Needs no root to read.
 * @throws VmbusError ERR_VMBUS_NOT_A_GUEST (no such root), ERR_VMBUS_PERMISSION, ERR_VMBUS_SYSTEM (`create`); TypeError
 * @example
 * await using pool = await openKvpPool('guest');
 * await pool.set('phase', 'ready');
 * for await (const change of pool.watch()) console.log(change.kind);
 * @category Key-value pairs
 */
export async function openKvpPool(name: KvpPoolName, options: OpenKvpPoolOptions = {}): Promise<KvpPool> {
  checkPoolName(name);
  checkOptionNames(options, ['root', 'signal', 'create', 'timeoutMs', 'fsync']);
  checkObject(options, 'options', 'an object');
  checkLimits(options);
  checkFlag(options.create, 'options.create');
  checkFlag(options.fsync, 'options.fsync');
  const { signal, create = false, timeoutMs = defaultTimeoutMs, fsync = false } = options;
  signal?.throwIfAborted();
  const root = resolveRoot(options.root);
  const readOnly = rootKind(root) === 'snapshot' ? () => snapshotError(root) : undefined;
  if (create && readOnly) throw readOnly();
  if (create) createPool(root, name);
  return new Pool({ root, name, create, fsync, timeoutMs, signal, readOnly });
}

function checkPoolName(name: unknown): asserts name is KvpPoolName {
  if (typeof name === 'string' && Object.hasOwn(PoolNumber, name)) return;
  throw invalidValue('name', `must be one of ${kvpPoolNames.join(', ')}`, name);
}

function snapshotError(root: string): VmbusError {
  return new VmbusError('ERR_VMBUS_UNSUPPORTED', "a snapshot is only to be read: it can't be written to", {
    path: root,
    hint: 'run the command in the guest, or in a copy of its file system',
  });
}
