// SPDX-License-Identifier: MIT
//
// The shapes of key-value pools, and nothing that runs.

import type { KvpPoolName } from '../../protocol/kvp.js';
import type { KvpParts } from '../../protocol/kvp-parts.js';
import type { KvpRecord } from '../../protocol/kvp-pool.js';

export type { KvpPoolName } from '../../protocol/kvp.js';
export type { KvpParts } from '../../protocol/kvp-parts.js';
export type { KvpRecord, KvpRecordProblem } from '../../protocol/kvp-pool.js';

/** Options of `openKvpPool`. */
export interface OpenKvpPoolOptions {
  /** Folder that holds `var/lib/hyperv`. Default VMBUS_ROOT or `/`. */
  readonly root?: string;
  /** Closes the pool when aborted: calls under way fail with its reason. */
  readonly signal?: AbortSignal;
  /** Makes the file (0644), and its folder (0755), where they are missing. Default: they are the daemon's to make. */
  readonly create?: boolean;
  /** How long a call waits for a lock that another program holds. Default 5000. */
  readonly timeoutMs?: number;
  /** A call that writes ends when the disk has it, not only the kernel. Default false. */
  readonly fsync?: boolean;
}

/** A key and its value. */
export interface KvpEntry {
  readonly key: string;
  readonly value: string;
}

/** A pool file as it stood at one moment. */
export interface KvpPoolState {
  readonly pool: KvpPoolName;
  readonly number: number;
  readonly path: string;
  /** False: there is no such file, and everything below is empty. */
  readonly exists: boolean;
  /** False: read without locks, because the addon that locks can't be loaded; the content was steady while it was read. */
  readonly isLocked: boolean;
  /** Permission bits; null without a file. */
  readonly mode: number | null;
  readonly isWorldReadable: boolean;
  readonly sizeBytes: number;
  readonly modifiedMs: number | null;
  /** Bytes after the last whole record; everybody ignores them, and the next write cuts them off. */
  readonly tailBytes: number;
  /** Every record in the order of the file, with what is wrong with it. */
  readonly records: readonly KvpRecord[];
  /** Keys with their values, each key once, as the daemon has them; without what is no UTF-8. */
  readonly entries: readonly KvpEntry[];
  /** Keys that several records have; the first one counts. */
  readonly duplicates: readonly { readonly key: string; readonly indexes: readonly number[] }[];
  /** Keys that differ by case only: one key for Windows. */
  readonly caseTwins: readonly (readonly string[])[];
}

/** Something the caller should know of a write that was done. */
export interface KvpWarning {
  readonly kind: /** A key that looks secret, in a file that every user of this guest may read. */
    | 'secret-readable'
    /** Keys that differ by case only. */
    | 'case-twins'
    /** The host, or the daemon, writes this pool as well. */
    | 'not-ours'
    /** Several records had the key; all were replaced by one, or taken away. */
    | 'duplicates-removed'
    /** Bytes that were no record, or what a writer that died had left, were taken away. */
    | 'repaired';
  readonly says: string;
  readonly key: string | null;
  readonly hint: string | null;
}

/** What a write did. */
export interface KvpWriteResult {
  /** False: the file held all of it already, and was not touched. */
  readonly changed: boolean;
  /** Keys that got a value, or another one. */
  readonly set: readonly string[];
  /** Keys that went, with the number of their records. */
  readonly deleted: readonly { readonly key: string; readonly records: number }[];
  readonly warnings: readonly KvpWarning[];
}

/** What a transaction did, and what its function answered. */
export interface KvpTransactionResult<T> extends KvpWriteResult {
  readonly value: T;
}

/** The pool inside a transaction: as it is when the locks are held, with the changes so far. */
export interface KvpTransaction {
  /** @throws VmbusError ERR_VMBUS_PROTOCOL for a value that is no UTF-8 */
  get(key: string): string | null;
  has(key: string): boolean;
  entries(): readonly KvpEntry[];
  /** @throws VmbusError ERR_VMBUS_TOO_LARGE; TypeError */
  set(key: string, value: string): void;
  /** Takes away every record with the key; false where there is none. */
  delete(key: string): boolean;
  clear(): void;
}

/** One change of a pool, as `watch` tells it. */
export type KvpChange =
  | { readonly kind: 'set'; readonly key: string; readonly value: string; readonly previous: string | null }
  | { readonly kind: 'deleted'; readonly key: string; readonly previous: string }
  /**
   * All keys there were went at once: somebody emptied the file, as cloud-init does with `guest` at the first boot step, or
   * deleted the last key. What is to stay must be written again.
   */
  | { readonly kind: 'truncated'; readonly vanished: readonly KvpEntry[]; readonly isFileGone: boolean };

/** What ends a wait. */
export interface KvpWaitOptions {
  readonly signal?: AbortSignal;
  /** Default: no limit. */
  readonly timeoutMs?: number;
}

/** Options of `join`. */
export interface KvpJoinOptions extends KvpWaitOptions {
  /** Wait until the value is there and whole. Default false: fail when it is not. */
  readonly wait?: boolean;
}

/** What a publish did. */
export interface KvpPublishResult extends KvpWriteResult {
  readonly published: Omit<KvpParts, 'bytes'> & { readonly sizeBytes: number };
}

/**
 * A pool of key-value pairs, beside the daemon that serves it to the host: every call works on the file as it is then. Nothing
 * is kept between calls, so any number of programs may use a pool at once.
 * @category Key-value pairs
 */
export interface KvpPool extends AsyncDisposable {
  readonly name: KvpPoolName;
  readonly number: number;
  readonly path: string;
  /**
   * The value of a key, as the daemon has it: of the first record with the key. Null where there is none.
   * @throws VmbusError ERR_VMBUS_NO_POOL, ERR_VMBUS_BUSY, ERR_VMBUS_PERMISSION, ERR_VMBUS_PROTOCOL (no UTF-8)
   */
  get(key: string): Promise<string | null>;
  has(key: string): Promise<boolean>;
  /** Keys with their values, in the order of the file. Records that are no UTF-8 are left out; `read` has them. */
  entries(): Promise<readonly KvpEntry[]>;
  /** The whole file with every fact. Works without a file, too. */
  read(): Promise<KvpPoolState>;
  /** @throws VmbusError as get, ERR_VMBUS_TOO_LARGE before anything is written; TypeError */
  set(key: string, value: string): Promise<KvpWriteResult>;
  /** Takes away every record with the key. Nothing happens where there is none. */
  delete(key: string): Promise<KvpWriteResult>;
  clear(): Promise<KvpWriteResult>;
  /**
   * Several changes under one lock. The function must not wait: the daemon, and so the host, stands still meanwhile. When it
   * throws, nothing is written.
   */
  transaction<T>(change: (pool: KvpTransaction) => T): Promise<KvpTransactionResult<T>>;
  /** Changes from now on, until the signal or `close()` ends it quietly. Who is slow gets the newest value of a key, not each. */
  watch(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<KvpChange>;
  /** The value of a key as soon as it has one that `accept` (default: any) takes. @throws VmbusError ERR_VMBUS_TIMEOUT */
  wait(key: string, options?: KvpWaitOptions & { readonly accept?: (value: string) => boolean }): Promise<string>;
  /** Spreads a value of up to 744,000 bytes over records, in place of what was published under the key before. */
  publish(key: string, value: string | Uint8Array): Promise<KvpPublishResult>;
  /**
   * Puts a published value together, and checks it.
   * @throws VmbusError ERR_VMBUS_NO_KEY, ERR_VMBUS_PROTOCOL (not whole), ERR_VMBUS_TIMEOUT
   */
  join(key: string, options?: KvpJoinOptions): Promise<KvpParts>;
  close(): Promise<void>;
}
