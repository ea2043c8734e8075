// SPDX-License-Identifier: MIT
//
// The records of devices taken from their drivers: `/run/vmbus/bindings/<guid>.json`, what it takes to give one back.
// Called by driver-binding.ts, restore.ts and rollback-main.ts.
// Invariants: a record is there before the first write to sysfs and goes after the last; it is created by linking, so
// of two processes only one gets it; what is read is checked as if a stranger had written it.

import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { VmbusError } from '../../errors.js';
import { type Guid, isGuid, parseGuid } from '../../guid.js';
import { listFolder, readSmallFileOrNull } from '../read/attributes.js';
import { busFolder, under } from '../root.js';
import { errorCode, errorNumber } from '../system-error.js';
import type { BindingRecord, DeviceChild } from '../types.js';

/** Names that a driver may have; nothing that leaves its folder. */
export const driverName: RegExp = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** Folder of the records under a root. */
export function recordFolder(root: string): string {
  return under(root, 'run/vmbus/bindings');
}

/** The record of a device; null where there is none, or none that makes sense. */
export function readRecord(root: string, device: Guid): BindingRecord | null {
  const text = readSmallFileOrNull(recordPath(root, device));
  const record = text === null ? null : parseRecord(text);
  return record?.device === device ? record : null;
}

/** All records of a root. */
export function readRecords(root: string): BindingRecord[] {
  const guids = listFolder(recordFolder(root)).flatMap((name) => /^([0-9a-f-]{36})\.json$/.exec(name)?.[1] ?? []);
  return guids.filter(isGuid).flatMap((guid) => readRecord(root, parseGuid(guid)) ?? []);
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

/** Makes the folder of the records, for its owner only; throws ERR_VMBUS_PERMISSION where that is not allowed. */
export function prepareFolder(root: string): string {
  const folder = recordFolder(root);
  // Not in a tree whose simulated host has gone: that would leave a folder behind.
  busFolder(root);
  try {
    mkdirSync(dirname(folder), { recursive: true, mode: 0o755 });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    checkOwner(folder);
    chmodSync(folder, 0o700);
  } catch (error) {
    throw storageError(folder, error);
  }
  return folder;
}

/** A folder somebody else prepared could name drivers and devices of his choice. */
function checkOwner(folder: string): void {
  const stat = lstatSync(folder);
  const ours = process.geteuid?.() ?? stat.uid;
  if (!stat.isDirectory() || (stat.uid !== ours && stat.uid !== 0))
    throw Object.assign(new Error('not ours'), { code: 'EPERM' });
}

function recordPath(root: string, device: Guid): string {
  return `${recordFolder(root)}/${device}.json`;
}

function store(root: string, record: BindingRecord, place: (staged: string, path: string) => boolean): boolean {
  const folder = prepareFolder(root);
  const staged = `${folder}/.${record.device}.${process.pid}.${process.hrtime.bigint()}`;
  try {
    const fd = openSync(staged, 'wx', 0o600);
    try {
      // A record that could not be read back would leave its device bound for good.
      if (!isRecord(record)) throw Object.assign(new Error('not a sound record'), { code: 'EINVAL' });
      writeFileSync(fd, `${JSON.stringify(record, null, 2)}\n`);
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

function syncFolder(folder: string): void {
  try {
    const fd = openSync(folder, 'r');
    fsyncSync(fd);
    closeSync(fd);
  } catch {
    // The folder may be gone with its simulated host; there is nothing left to keep safe.
  }
}

function storageError(path: string, cause: unknown): VmbusError {
  const code = errorCode(cause);
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new VmbusError(
    denied ? 'ERR_VMBUS_PERMISSION' : 'ERR_VMBUS_SYSTEM',
    `cannot keep records in ${path}: ${code}`,
    {
      path,
      errno: errorNumber(cause),
      errnoName: code,
      cause,
      hint: denied ? 'run the command as root (`sudo hv …`)' : `see \`ls -ld ${path}\` and \`df ${path}\``,
    },
  );
}

function parseRecord(text: string): BindingRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isRecord(value) ? value : null;
}

function isRecord(value: unknown): value is BindingRecord {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  return (
    fields.schema === 1 &&
    [fields.device, fields.class].every(isPlainGuid) &&
    isDriver(fields.driver) &&
    (fields.previousDriver === null || isDriver(fields.previousDriver)) &&
    (fields.previousOverride === null || isOverride(fields.previousOverride)) &&
    ['wroteOverride', 'addedId', 'persist'].every((name) => typeof fields[name] === 'boolean') &&
    [fields.pid, fields.pidStart].every((number) => Number.isSafeInteger(number) && Number(number) >= 0) &&
    typeof fields.bootId === 'string' &&
    isTime(fields.since) &&
    (fields.rollbackAt === null || isTime(fields.rollbackAt)) &&
    Array.isArray(fields.children) &&
    fields.children.every(isChild)
  );
}

function isPlainGuid(value: unknown): boolean {
  return typeof value === 'string' && isGuid(value) && parseGuid(value) === value;
}

function isDriver(value: unknown): boolean {
  return typeof value === 'string' && driverName.test(value);
}

/** What the kernel let somebody write into driver_override: one line, and only ever written back there. */
function isOverride(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 4096 && !value.includes('\n');
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

function isChild(value: unknown): value is DeviceChild {
  return (
    typeof value === 'object' && value !== null && 'kind' in value && 'name' in value && typeof value.name === 'string'
  );
}
