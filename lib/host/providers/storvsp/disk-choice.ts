// SPDX-License-Identifier: MIT
//
// Which disk stands behind a unit: one that the script made, or one that options name (a file, or memory).
// Called by: storvsp.ts, controller.ts. A file that options name is open only while the guest has the controller open.

import { checkFlag, checkInteger, checkOptionNames } from '../../../check.js';
import { invalidType, invalidValue } from '../../../errors.js';
import { type BlockBytes, checkBlockBytes, checkDisk, type Disk } from './disk.js';
import { checkFile } from './file-claim.js';
import { type FileDisk, type FileDiskOptions, openFileDisk } from './file-disk.js';
import { memoryDisk } from './memory-disk.js';

const megabyte = 2 ** 20;
const defaultMegabytes = 1024;
const mostMegabytes = 2 ** 32;
const mostSerialCharacters = 36;

/** A disk named by options. Without a file it is in memory. */
export interface DiskOptions {
  /** Raw image or unused block device. Opened while the guest has the controller open. */
  readonly file?: string;
  /** Default 1024. With a file: the file is made with this size where there is none, and must have it where there is one. */
  readonly sizeMegabytes?: number;
  /** Write-protected. Default false. */
  readonly readonly?: boolean;
  /** Default 512. */
  readonly blockBytes?: BlockBytes;
}

/** A disk, and what its unit is called. */
export interface UnitOptions extends DiskOptions {
  /** A disk of the script's, instead of options that name one. The script closes it. */
  readonly disk?: Disk;
  /** Address on the controller, 0 to 255. Default: the lowest that is free. */
  readonly lun?: number;
  /** Serial number, at most 36 printable characters. Default: made from the device's GUID and the LUN. */
  readonly serial?: string;
}

/** Where a unit gets its disk from, for the time that the guest has its controller open. */
export interface DiskSource {
  open(): Promise<Disk>;
  close(disk: Disk): Promise<void>;
}

/** Names of the options of a disk. */
export const diskOptions: readonly (keyof DiskOptions)[] = ['file', 'sizeMegabytes', 'readonly', 'blockBytes'];

/** What is in a list of disks, after checks. */
export interface UnitChoice {
  readonly source: DiskSource;
  readonly lun: number | null;
  readonly serial: string | null;
}

/**
 * What a list of disks has for one unit.
 * @throws TypeError, RangeError for options that make no sense; VmbusError for a file that cannot be a disk
 */
export function chooseUnit(choice: Disk | UnitOptions, argument: string): UnitChoice {
  if (isDisk(choice, argument)) return { source: heldDisk(choice), lun: null, serial: null };
  checkOptionNames(choice, [...diskOptions, 'disk', 'lun', 'serial'], argument);
  const { disk, lun = null, serial = null, ...named } = choice;
  if (lun !== null) checkInteger(lun, `${argument}.lun`, 0, 255);
  checkSerial(serial, `${argument}.serial`);
  if (disk === undefined) return { source: chooseDisk(named, argument), lun, serial };
  checkDisk(disk, `${argument}.disk`);
  if (Object.keys(named).length > 0)
    throw invalidValue(argument, 'has a disk, so it cannot name another one as well', Object.keys(named)[0]);
  return { source: heldDisk(disk), lun, serial };
}

/** @throws TypeError, RangeError for options that make no sense; VmbusError for a file that cannot be a disk */
export function chooseDisk(options: DiskOptions, argument: string): DiskSource {
  const { file, sizeMegabytes, blockBytes = 512 } = options;
  checkBlockBytes(blockBytes, `${argument}.blockBytes`);
  checkFlag(options.readonly, `${argument}.readonly`);
  if (sizeMegabytes !== undefined) checkInteger(sizeMegabytes, `${argument}.sizeMegabytes`, 1, mostMegabytes);
  const isReadonly = options.readonly ?? false;
  if (file === undefined) {
    const sizeBytes = (sizeMegabytes ?? defaultMegabytes) * megabyte;
    return heldDisk(memoryDisk({ sizeBytes, blockBytes, readonly: isReadonly }));
  }
  if (typeof file !== 'string' || file === '') throw invalidType(`${argument}.file`, 'the path of a file', file);
  const createBytes = sizeMegabytes === undefined ? null : sizeMegabytes * megabyte;
  // Not opened yet, but a name that is wrong is told at once.
  checkFile(file, { readonly: isReadonly, createBytes });
  const opening = { blockBytes, readonly: isReadonly, ...(createBytes === null ? {} : { createBytes }) };
  return fileSource(file, opening);
}

function isDisk(choice: Disk | UnitOptions, argument: string): choice is Disk {
  const found = choice as Partial<Disk> | null;
  if (typeof found !== 'object' || typeof found?.read !== 'function') return false;
  checkDisk(found, argument);
  return true;
}

function checkSerial(serial: unknown, argument: string): void {
  if (serial === null) return;
  if (typeof serial !== 'string') throw invalidType(argument, 'a string', serial);
  if (!/^[\x21-\x7e]+$/.test(serial) || serial.length > mostSerialCharacters)
    throw invalidValue(argument, `must be 1 to ${mostSerialCharacters} printable characters without blanks`, serial);
}

function heldDisk(disk: Disk): DiskSource {
  return { open: async () => disk, close: () => disk.flush() };
}

function fileSource(file: string, options: FileDiskOptions): DiskSource {
  const opened = new WeakMap<Disk, FileDisk>();
  let how = options;
  return {
    open: async () => {
      const disk = await openFileDisk(file, how);
      opened.set(disk, disk);
      // It is there now, and may be resized.
      const { createBytes: _, ...again } = how;
      how = again;
      return disk;
    },
    close: async (disk) => await opened.get(disk)?.close(),
  };
}
