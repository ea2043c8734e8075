// SPDX-License-Identifier: MIT
//
// A pool's file: one descriptor at a time, reopened when another file has taken the name, and the steps of a rewrite.
// Called by locked-file.ts and pool.ts. All calls are short and synchronous: nothing else runs while the locks are held.

import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { isInside } from '../../bus/root.js';
import { errorCode } from '../../bus/system-error.js';
import { VmbusError } from '../../errors.js';
import type { KvpPoolName } from '../../protocol/kvp.js';
import { poolRecordBytes } from '../../protocol/kvp-pool.js';
import { checkInside, noPool, poolError, poolPath } from './pool-path.js';
import type { RewriteStep } from './rewrite-plan.js';

/** 6553 records: far beyond what hosts take, and little enough to read at once. */
const mostBytes = 16 << 20;

/** Called before each step of a rewrite; for tests that stop there. */
export type StepHook = (step: RewriteStep, index: number) => void;

/** The file of one pool. */
export class PoolFile {
  readonly path: string;
  readonly #root: string;
  readonly #name: KvpPoolName;
  #fd: number | null = null;
  #isWritable = false;

  constructor(root: string, name: KvpPoolName) {
    this.path = poolPath(root, name);
    this.#root = root;
    this.#name = name;
  }

  /**
   * The descriptor, open for reading only until somebody writes: closing one that could write looks like a change to whoever
   * watches the file. @throws VmbusError ERR_VMBUS_NO_POOL, ERR_VMBUS_PERMISSION, ERR_VMBUS_SYSTEM
   */
  open({ forWriting }: { readonly forWriting: boolean }): number {
    if (this.#fd !== null && this.#isCurrent(this.#fd) && (this.#isWritable || !forWriting)) return this.#fd;
    this.close();
    const { O_RDWR, O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    try {
      this.#fd = openSync(this.path, (forWriting ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK);
      this.#isWritable = forWriting;
      this.#checkOpened(this.#fd);
      return this.#fd;
    } catch (error) {
      this.close();
      const code = errorCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') throw noPool(this.path, this.#name);
      throw poolError(this.path, error, forWriting ? 'write' : 'read');
    }
  }

  /** Whether the name still leads to the file that is open: it may have been replaced before the lock was had. */
  get isCurrent(): boolean {
    return this.#fd !== null && this.#isCurrent(this.#fd);
  }

  stat(): Stats {
    return fstatSync(this.#opened());
  }

  /** The whole content. @throws VmbusError ERR_VMBUS_UNSUPPORTED for a file that is no pool's by its size */
  read(): Uint8Array {
    const fd = this.#opened();
    const { size } = fstatSync(fd);
    if (size > mostBytes) {
      throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `${this.path} has ${size} bytes, at most ${mostBytes} are read`, {
        path: this.path,
        hint: `see what it is: \`ls -l ${this.path}\``,
      });
    }
    const bytes = Buffer.alloc(size);
    let used = 0;
    for (;;) {
      const count = used === size ? 0 : readSync(fd, bytes, used, size - used, used);
      if (count === 0) return bytes.subarray(0, used);
      used += count;
    }
  }

  /** Does the steps of a rewrite. What could not be appended for want of room is taken back. */
  apply(steps: readonly RewriteStep[], beforeStep?: StepHook): void {
    const fd = this.#opened();
    const whole = Math.floor(fstatSync(fd).size / poolRecordBytes) * poolRecordBytes;
    for (const [index, step] of steps.entries()) {
      beforeStep?.(step, index);
      try {
        if (step.kind === 'truncate') ftruncateSync(fd, step.sizeBytes);
        else writeAll(fd, step.bytes, step.offset);
      } catch (error) {
        if (step.kind === 'write' && step.offset === whole) ftruncateSync(fd, whole);
        throw poolError(this.path, error, 'write');
      }
    }
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = null;
    if (fd !== null) closeSync(fd);
  }

  #opened(): number {
    if (this.#fd === null) throw new VmbusError('ERR_VMBUS_CLOSED', `${this.path} is closed`, { path: this.path });
    return this.#fd;
  }

  #isCurrent(fd: number): boolean {
    try {
      const named = lstatSync(this.path);
      const opened = fstatSync(fd);
      return named.dev === opened.dev && named.ino === opened.ino;
    } catch {
      return false;
    }
  }

  #checkOpened(fd: number): void {
    if (!fstatSync(fd).isFile()) {
      throw new VmbusError('ERR_VMBUS_SYSTEM', `${this.path} is no regular file`, {
        path: this.path,
        hint: `see what it is: \`ls -l ${this.path}\``,
      });
    }
    // What was opened, not what the name leads to by now.
    const real = openedPath(fd);
    if (real === null) checkInside(this.#root, this.path);
    else if (!isInside(this.#root, real)) checkInside(this.#root, real);
  }
}

function openedPath(fd: number): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return null;
  }
}

function writeAll(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
}
