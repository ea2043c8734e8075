// SPDX-License-Identifier: MIT
//
// Opens the file of a disk, if it is one that a guest may have: a regular file, or a block device that the kernel has no other
// use for. One that is open for writing is open once in this process.
// Called by: file-disk.ts, disk-choice.ts. Linux only: open(2) with O_EXCL on a block device fails while it is mounted, swapped to
// or part of another device.

import { accessSync, closeSync, constants, openSync, type Stats, statSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';

import { VmbusError, type VmbusErrorCode } from '../../../errors.js';

const sectorBytes = 512;

/** A file that is open as a disk. */
export interface FileClaim {
  readonly path: string;
  readonly file: FileHandle;
  readonly isRegular: boolean;
  readonly sizeBytes: number;
  /** Closes the file. */
  release(): Promise<void>;
}

/** How to open it. */
export interface ClaimOptions {
  readonly readonly: boolean;
  /** Size of the file to make where there is none; null: do not make one. */
  readonly createBytes: number | null;
}

/** Number of readers by device and inode; -1 for a writer. */
const claims = new Map<string, number>();

/**
 * Looks whether a file can be a disk, and lets go of it again.
 * @throws VmbusError ERR_VMBUS_IN_USE, ERR_VMBUS_NODE_KIND, ERR_VMBUS_PERMISSION, ERR_VMBUS_SYSTEM
 */
export function checkFile(path: string, { readonly, createBytes }: ClaimOptions): void {
  let stats: Stats;
  try {
    stats = statSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && createBytes !== null) return;
    throw refused(path, error, 'stat');
  }
  checkKind(path, stats);
  checkSize(path, stats, createBytes);
  checkAccess(path, stats, readonly);
}

function checkAccess(path: string, stats: Stats, readonly: boolean): void {
  const { R_OK, W_OK, O_RDONLY, O_EXCL, O_NONBLOCK } = constants;
  try {
    accessSync(path, readonly ? R_OK : R_OK | W_OK);
    // Only an attempt tells whether the kernel has another use for a device. For reading: nobody takes note of that.
    if (stats.isBlockDevice()) closeSync(openSync(path, O_RDONLY | O_EXCL | O_NONBLOCK));
  } catch (error) {
    throw refused(path, error, 'open');
  }
}

/** Opens a file as a disk. @throws VmbusError ERR_VMBUS_IN_USE, ERR_VMBUS_NODE_KIND, ERR_VMBUS_PERMISSION, ERR_VMBUS_SYSTEM */
export async function claimFile(path: string, options: ClaimOptions): Promise<FileClaim> {
  checkFile(path, options);
  const file = await openFile(path, options);
  let key: string | null = null;
  try {
    const stats = await file.stat();
    // Another file may have come in its place since.
    checkKind(path, stats);
    const place = stats.isBlockDevice() ? `block ${stats.rdev}` : `${stats.dev} ${stats.ino}`;
    take(path, place, options.readonly);
    key = place;
    const sizeBytes = stats.isBlockDevice() ? await deviceBytes(path, stats.rdev) : stats.size;
    return { path, file, isRegular: stats.isFile(), sizeBytes, release: once(() => give(place, file)) };
  } catch (error) {
    if (key !== null) drop(key);
    await file.close();
    throw VmbusError.is(error) ? error : refused(path, error, 'open');
  }
}

async function openFile(path: string, { readonly, createBytes }: ClaimOptions): Promise<FileHandle> {
  const { O_RDONLY, O_RDWR, O_EXCL, O_NONBLOCK } = constants;
  const access = readonly ? O_RDONLY : O_RDWR;
  try {
    // O_EXCL means something for block devices only, O_NONBLOCK for what is no disk: opening a pipe would wait for its other end.
    return await open(path, access | O_EXCL | O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || createBytes === null) throw refused(path, error, 'open');
  }
  return await createFile(path, createBytes);
}

async function createFile(path: string, sizeBytes: number): Promise<FileHandle> {
  const { O_RDWR, O_CREAT, O_EXCL } = constants;
  let file: FileHandle | null = null;
  try {
    file = await open(path, O_RDWR | O_CREAT | O_EXCL, 0o600);
    await file.truncate(sizeBytes);
    return file;
  } catch (error) {
    await file?.close();
    throw refused(path, error, file ? 'ftruncate' : 'open');
  }
}

function checkKind(path: string, stats: Stats): void {
  if (stats.isFile() || stats.isBlockDevice()) return;
  throw new VmbusError('ERR_VMBUS_NODE_KIND', `${path} is neither a regular file nor a block device`, {
    path,
    hint: 'name an image of a disk, or make one: `truncate -s 1G disk.img`',
  });
}

function checkSize(path: string, stats: Stats, createBytes: number | null): void {
  if (createBytes === null || !stats.isFile() || stats.size === createBytes) return;
  throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `${path} is there already, with ${stats.size} bytes`, {
    path,
    hint: 'leave its size away to use it as it is, or name another file',
    facts: { sizeBytes: stats.size, wantedBytes: createBytes },
  });
}

function take(path: string, place: string, isReadonly: boolean): void {
  const now = claims.get(place) ?? 0;
  if (now < 0 || (now > 0 && !isReadonly)) {
    throw new VmbusError('ERR_VMBUS_IN_USE', `${path} is open as another disk`, {
      path,
      hint: 'give each device a file of its own, or open all of them with readonly',
    });
  }
  claims.set(place, isReadonly ? now + 1 : -1);
}

function drop(place: string): void {
  const now = claims.get(place) ?? 0;
  if (now > 1) claims.set(place, now - 1);
  else claims.delete(place);
}

async function give(place: string, file: FileHandle): Promise<void> {
  try {
    await file.close();
  } finally {
    drop(place);
  }
}

/** Size of a block device, whose stat says 0. */
async function deviceBytes(path: string, rdev: number): Promise<number> {
  const number = BigInt(rdev);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xffff_f000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffff_ff00n);
  const text = await readFile(`/sys/dev/block/${major}:${minor}/size`, 'latin1');
  const sectors = Number(text.trim());
  if (!Number.isSafeInteger(sectors))
    throw new VmbusError('ERR_VMBUS_SYSTEM', `sysfs says no size for ${path}`, {
      path,
      facts: { text: text.slice(0, 40) },
    });
  return sectors * sectorBytes;
}

function once(run: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => {
    done ??= run();
    return done;
  };
}

const reasons: Readonly<Record<string, readonly [VmbusErrorCode, string]>> = {
  ENOENT: ['ERR_VMBUS_SYSTEM', 'make one first: `truncate -s 1G FILE`, or say how large it shall be (sizeMegabytes)'],
  EACCES: ['ERR_VMBUS_PERMISSION', 'use a file that you may write, or readonly'],
  EPERM: ['ERR_VMBUS_PERMISSION', 'use a file that you may write, or readonly'],
  EROFS: ['ERR_VMBUS_PERMISSION', 'its file system is read-only: use readonly'],
  EBUSY: ['ERR_VMBUS_IN_USE', 'the kernel uses it: `lsblk` says for what'],
};

function refused(path: string, error: unknown, syscall: string): VmbusError {
  const name = codeOf(error) ?? 'EIO';
  const errno = (error as { errno?: unknown }).errno;
  const [code, hint] = reasons[name] ?? ['ERR_VMBUS_SYSTEM', 'look at the file: `ls -l FILE`'];
  return new VmbusError(code, `cannot use ${path} as a disk: ${name}`, {
    path,
    hint: hint.replace('FILE', path),
    syscall,
    errnoName: name,
    ...(typeof errno === 'number' ? { errno: Math.abs(errno) } : {}),
    cause: error,
  });
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
