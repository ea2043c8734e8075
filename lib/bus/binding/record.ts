// SPDX-License-Identifier: MIT
//
// The records of devices taken from their drivers: `/run/vmbus/bindings/<guid>.json`, what it takes to give one back.
// Called by driver-binding.ts, restore.ts and rollback-main.ts; the format is record-format.ts, the folder record-folder.ts.
// Invariants: a record is there before the first write to sysfs and goes after the last; it is created by linking, so
// of two processes only one gets it; "there is none" and "there is one that nobody can read" are never confused: the
// second keeps its device until somebody puts it aside.

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';

import { VmbusError } from '../../errors.js';
import { type Guid, isGuid, parseGuid } from '../../guid.js';
import { listFolder } from '../read/attributes.js';
import { isInside } from '../root.js';
import { errorCode, errorNumber } from '../system-error.js';
import type { BindingRecord, DamagedRecord } from '../types.js';
import { isTrusted, prepareFolder, recordFolder, recordPath, storageError, syncFolder } from './record-folder.js';
import { isRecord, parseRecord } from './record-format.js';

/** What there is on record of a device. */
export type FoundRecord =
  | { readonly kind: 'absent' }
  | { readonly kind: 'sound'; readonly record: BindingRecord }
  | { readonly kind: 'damaged'; readonly damage: DamagedRecord }
  /** There may be one; whoever asks may not look. */
  | { readonly kind: 'hidden'; readonly path: string };

const longestBytes = 65_536;
/** Kept free for what is noted later. */
const noteBytes = 8_192;

/** The record of a device, or why there is none to go by. */
export function findRecord(root: string, device: Guid): FoundRecord {
  const path = recordPath(root, device);
  const damaged = (reason: string): FoundRecord => ({ kind: 'damaged', damage: { device, path, reason } });
  try {
    const record = parseRecord(readRecordFile(root, path));
    if (record === null) return damaged('it holds no sound record');
    return record.device === device ? { kind: 'sound', record } : damaged(`it is about ${record.device}`);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'absent' };
    if (code === 'EACCES' || code === 'EPERM') return { kind: 'hidden', path };
    return damaged(error instanceof Error && errorNumber(error) === 0 ? error.message : code);
  }
}

/** All that is on record under a root, sound or not. */
export function findRecords(root: string): FoundRecord[] {
  const guids = listFolder(recordFolder(root)).flatMap((name) => /^([0-9a-f-]{36})\.json$/.exec(name)?.[1] ?? []);
  return guids.filter(isGuid).map((guid) => findRecord(root, parseGuid(guid)));
}

/** The error for a record that the caller may not read. */
export function hiddenError(device: Guid, path: string): VmbusError {
  return new VmbusError('ERR_VMBUS_PERMISSION', `only root may read the record of ${device} (${path})`, {
    device,
    path,
    hint: 'run the command as root (`sudo hv …`)',
  });
}

/** The error for a record that nobody can read. */
export function damagedError({ device, path, reason }: DamagedRecord): VmbusError {
  return new VmbusError('ERR_VMBUS_SYSTEM', `the record of ${device} is damaged: ${path}: ${reason}`, {
    device,
    path,
    hint: `\`hv restore --force ${device}\` puts the file aside and gives the device to the driver made for it`,
  });
}

/** Whether the record can be read back, whatever is noted on it. */
export function fits(record: BindingRecord): boolean {
  return Buffer.byteLength(textOf(record)) <= longestBytes - noteBytes;
}

/** Writes the record of a device that has none. False when there is one already. */
export function createRecord(root: string, record: BindingRecord): boolean {
  return store(root, record, (staged, path) => {
    try {
      linkSync(staged, path);
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw error;
    } finally {
      rmSync(staged, { force: true });
    }
  });
}

/** Replaces the record of a device. */
export function replaceRecord(root: string, record: BindingRecord): void {
  store(root, record, (staged, path) => {
    renameSync(staged, path);
    return true;
  });
}

/** Removes the record of a device, if there is one. */
export function removeRecord(root: string, device: Guid): void {
  rmSync(recordPath(root, device), { force: true });
  syncFolder(recordFolder(root));
}

/** Puts a damaged record where it is in nobody's way; answers where. */
export function putAside(root: string, device: Guid): string {
  const path = recordPath(root, device);
  const aside = `${path}.bad`;
  try {
    renameSync(path, aside);
  } catch (error) {
    throw storageError(aside, error);
  }
  syncFolder(recordFolder(root));
  return aside;
}

function readRecordFile(root: string, path: string): string {
  // No link is followed, and no pipe waited for.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error('it is no regular file');
    const real = readlinkSync(`/proc/self/fd/${fd}`);
    if (!isInside(realpathSync.native(root), real)) throw new Error('it is outside of the root, by a link');
    if (!isTrusted(stat.uid)) throw new Error(`it belongs to user ${stat.uid}`);
    if (stat.size > longestBytes) throw new Error('it is too long');
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function textOf(record: BindingRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

function store(root: string, record: BindingRecord, place: (staged: string, path: string) => boolean): boolean {
  const folder = prepareFolder(root);
  const staged = `${folder}/.${record.device}.${process.pid}.${process.hrtime.bigint()}`;
  try {
    const fd = openSync(staged, 'wx', 0o600);
    try {
      // A record that could not be read back would leave its device bound for good.
      if (!isRecord(record)) throw Object.assign(new Error('not a sound record'), { code: 'EINVAL' });
      writeFileSync(fd, textOf(record));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    const placed = place(staged, recordPath(root, record.device));
    syncFolder(folder);
    return placed;
  } catch (error) {
    rmSync(staged, { force: true });
    throw storageError(folder, error);
  }
}
