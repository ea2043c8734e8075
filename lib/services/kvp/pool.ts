// SPDX-License-Identifier: MIT
//
// A pool of key-value pairs beside the distribution’s daemon. Nothing of the file is kept between calls: each takes both locks,
// looks at the file, does its work and lets go, within one turn of the loop.
// Called by open-pool.ts. Calls: locked-file.ts (locks), pool-model.ts (changes), rewrite-plan.ts and pool-file.ts (bytes).

import { randomBytes } from 'node:crypto';
import { fdatasync } from 'node:fs';
import { promisify } from 'node:util';

import { checkLimits, checkOptionNames } from '../../check.js';
import { invalidType, VmbusError } from '../../errors.js';
import { type KvpPoolName, KvpPool as PoolNumber } from '../../protocol/kvp.js';
import { splitParts } from '../../protocol/kvp-parts.js';
import { checkKvpKey, checkWellFormed } from '../../protocol/kvp-pool.js';
import { withLocks } from './locked-file.js';
import { PoolFile, type StepHook } from './pool-file.js';
import { PoolModel, valueIn } from './pool-model.js';
import { createPool, noPool } from './pool-path.js';
import { stateOf, stateOfNothing } from './pool-state.js';
import { joined, putParts, requireWhole } from './publish.js';
import { planRewrite } from './rewrite-plan.js';
import type * as types from './types.js';
import { readSteadily } from './unlocked-read.js';
import { warningsFor } from './warnings.js';
import { type Watched, waitInPool, watchPool } from './watch.js';

const sync = promisify(fdatasync);

/** What a pool is made of; `beforeStep` is for tests. */
export interface PoolPlan {
  readonly root: string;
  readonly name: KvpPoolName;
  readonly create: boolean;
  readonly fsync: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Why the pool is only to be read; undefined where it is not. */
  readonly readOnly: (() => VmbusError) | undefined;
  readonly beforeStep?: StepHook;
}

/** See {@link types.KvpPool}. */
export class Pool implements types.KvpPool, Watched {
  readonly name: KvpPoolName;
  readonly number: number;
  readonly path: string;
  readonly closing: AbortSignal;
  readonly #plan: PoolPlan;
  readonly #file: PoolFile;
  readonly #closed = new AbortController();
  /** Writes to the disk that are under way: the descriptor must outlive them. */
  readonly #syncs = new Set<Promise<void>>();

  constructor(plan: PoolPlan) {
    this.#plan = plan;
    this.name = plan.name;
    this.number = PoolNumber[plan.name];
    this.#file = new PoolFile(plan.root, plan.name);
    this.path = this.#file.path;
    this.closing = plan.signal ? AbortSignal.any([this.#closed.signal, plan.signal]) : this.#closed.signal;
  }

  async get(key: string): Promise<string | null> {
    checkKvpKey(key);
    return valueIn((await this.#require()).records, key);
  }

  async has(key: string): Promise<boolean> {
    checkKvpKey(key);
    return (await this.#require()).records.some((record) => record.key === key);
  }

  async entries(): Promise<readonly types.KvpEntry[]> {
    return (await this.#require()).entries;
  }

  async read(): Promise<types.KvpPoolState> {
    this.closing.throwIfAborted();
    const seen = (isLocked: boolean): types.KvpPoolState => {
      const bytes = this.#file.read();
      return stateOf({ name: this.name, path: this.path, bytes, stat: this.#file.stat(), isLocked });
    };
    try {
      return await withLocks(this.#file, 'shared', this.#patience(), () => seen(true));
    } catch (error) {
      if (VmbusError.is(error) && error.code === 'ERR_VMBUS_NO_POOL') return stateOfNothing(this.name, this.path);
      // Reading a captured or mounted tree must work where the addon does not.
      if (VmbusError.is(error) && error.code === 'ERR_VMBUS_NATIVE_LOAD')
        return readSteadily(this.#file, () => seen(false));
      throw error;
    }
  }

  look(): Promise<types.KvpPoolState> {
    return this.read();
  }

  set(key: string, value: string): Promise<types.KvpWriteResult> {
    return this.#write((pool) => pool.set(key, value));
  }

  delete(key: string): Promise<types.KvpWriteResult> {
    return this.#write((pool) => void pool.delete(key));
  }

  clear(): Promise<types.KvpWriteResult> {
    return this.#write((pool) => pool.clear());
  }

  async transaction<T>(change: (pool: types.KvpTransaction) => T): Promise<types.KvpTransactionResult<T>> {
    if (typeof change !== 'function') throw invalidType('change', 'a function', change);
    const { readOnly, create, fsync, name, root } = this.#plan;
    if (readOnly) throw readOnly();
    this.closing.throwIfAborted();
    if (create) createPool(root, name);
    const done = await withLocks(this.#file, 'exclusive', this.#patience(), () => this.#rewrite(change));
    if (fsync && done.changed) await this.#sync();
    return done;
  }

  watch(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<types.KvpChange> {
    checkOptionNames(options, ['signal']);
    checkLimits(options);
    return watchPool(this, options.signal);
  }

  async wait(
    key: string,
    options: types.KvpWaitOptions & { readonly accept?: (value: string) => boolean } = {},
  ): Promise<string> {
    checkKvpKey(key);
    checkOptionNames(options, ['signal', 'timeoutMs', 'accept']);
    checkLimits(options);
    const { signal, timeoutMs, accept = () => true } = options;
    const find = (state: types.KvpPoolState): string | null => {
      const value = valueIn(state.records, key);
      return value !== null && accept(value) ? value : null;
    };
    const hint = `see what there is: \`hv kvp ls --pool ${this.name}\``;
    return waitInPool(this, { what: `${key} in the pool ${this.name}`, hint, signal, timeoutMs, find });
  }

  async publish(key: string, value: string | Uint8Array): Promise<types.KvpPublishResult> {
    checkKvpKey(key);
    if (typeof value === 'string') checkWellFormed(value, 'value');
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    const { records, value: parts } = splitParts(key, bytes, randomBytes(8).toString('hex'));
    const { value: _, ...written } = await this.transaction((pool) => putParts(pool, key, records));
    const { generation, sha256, parts: count } = parts;
    return { ...written, published: { generation, sha256, parts: count, sizeBytes: bytes.length } };
  }

  async join(key: string, options: types.KvpJoinOptions = {}): Promise<types.KvpParts> {
    checkKvpKey(key);
    checkOptionNames(options, ['signal', 'timeoutMs', 'wait']);
    checkLimits(options);
    if (!options.wait) return requireWhole(await this.#require(), key);
    const { signal, timeoutMs } = options;
    return waitInPool(this, {
      what: `a whole value under ${key} in the pool ${this.name}`,
      hint: `see what there is: \`hv kvp ls --pool ${this.name}\``,
      signal,
      timeoutMs,
      find: (state) => {
        const found = joined(state, key);
        return found.state === 'whole' ? found.value : null;
      },
    });
  }

  async close(): Promise<void> {
    const closed = new VmbusError('ERR_VMBUS_CLOSED', `the pool ${this.name} is closed`, { path: this.path });
    this.#closed.abort(closed);
    await Promise.allSettled(this.#syncs);
    this.#file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The state of a pool that must be there; the one that some systems never have counts as empty. */
  async #require(): Promise<types.KvpPoolState> {
    const state = await this.read();
    if (!state.exists && this.name !== 'autoInternal') throw noPool(this.path, this.name);
    return state;
  }

  async #write(change: (pool: types.KvpTransaction) => void): Promise<types.KvpWriteResult> {
    const { value: _, ...written } = await this.transaction(change);
    return written;
  }

  #rewrite<T>(change: (pool: types.KvpTransaction) => T): types.KvpTransactionResult<T> {
    const bytes = this.#file.read();
    const model = new PoolModel(bytes);
    const value = change(model);
    if (isThenable(value)) throw invalidType('change', 'a function that does not wait', change);
    if (!model.isChanged) return { value, changed: false, set: [], deleted: [], warnings: [] };
    const { mode } = this.#file.stat();
    this.#file.apply(planRewrite(bytes, model.next), this.#plan.beforeStep);
    const deleted = [...model.deleted].map(([key, records]) => ({ key, records }));
    const warnings = warningsFor(model, { pool: this.name, path: this.path, mode });
    return { value, changed: true, set: [...model.changed], deleted, warnings };
  }

  /** After the locks are let go of: a disk may take longer than the daemon should wait. */
  async #sync(): Promise<void> {
    const syncing = sync(this.#file.open({ forWriting: true }));
    this.#syncs.add(syncing);
    try {
      await syncing;
    } finally {
      this.#syncs.delete(syncing);
    }
  }

  #patience(): { readonly timeoutMs: number; readonly signal: AbortSignal } {
    return { timeoutMs: this.#plan.timeoutMs, signal: this.closing };
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
