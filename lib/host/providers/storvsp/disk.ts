// SPDX-License-Identifier: MIT
//
// What a storage device of the simulated host keeps its blocks in. Made by memory-disk.ts, file-disk.ts and scripts.
// Called by: unit-blocks.ts.

import { invalidType, outOfRange } from '../../../errors.js';

/** Bytes of a logical block. */
export type BlockBytes = 512 | 4096;

/**
 * Blocks behind a SCSI unit. Offsets and lengths are in bytes, multiples of the block, and within the size. Calls may overlap in
 * time, those of one block only as the guest makes them. A rejection is told to the guest as a medium error.
 */
export interface Disk {
  /** What is beyond the last whole block is not used. */
  readonly sizeBytes: number;
  readonly blockBytes: BlockBytes;
  readonly readonly: boolean;
  /** Exactly so many bytes, which are the caller's: they are not changed afterwards. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** `bytes` are not changed after the call. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** What was written before is on the medium when this resolves. */
  flush(): Promise<void>;
  /** What is there is not needed any more; from now on it reads as zeroes. */
  unmap(offset: number, length: number): Promise<void>;
  /** Makes it larger or smaller, where it can. */
  resize?(sizeBytes: number): Promise<void>;
}

const methods = ['read', 'write', 'flush', 'unmap'] as const;
const blockSizes: readonly unknown[] = [512, 4096];

/** @throws TypeError, RangeError unless it looks like a disk with at least one block */
export function checkDisk(disk: unknown, argument: string): asserts disk is Disk {
  if (typeof disk !== 'object' || disk === null) throw invalidType(argument, 'a disk', disk);
  const found = disk as Partial<Disk>;
  for (const method of methods)
    if (typeof found[method] !== 'function') throw invalidType(`${argument}.${method}`, 'a function', found[method]);
  if (typeof found.readonly !== 'boolean') throw invalidType(`${argument}.readonly`, 'a boolean', found.readonly);
  checkBlockBytes(found.blockBytes, `${argument}.blockBytes`);
  checkDiskBytes(found.sizeBytes, found.blockBytes, `${argument}.sizeBytes`);
}

/** @throws RangeError unless it is a size that blocks can have */
export function checkBlockBytes(value: unknown, argument: string): asserts value is BlockBytes {
  if (!blockSizes.includes(value)) throw outOfRange(argument, '512 or 4096', value);
}

/** @throws RangeError unless at least one block fits */
export function checkDiskBytes(value: unknown, blockBytes: BlockBytes, argument: string): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < blockBytes)
    throw outOfRange(argument, `a whole number of bytes, at least one block of ${blockBytes}`, value);
}

/** @throws RangeError unless the bytes are on the disk */
export function checkPlace(disk: Disk, offset: number, length: number): void {
  const isWhole = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!isWhole || offset + length > disk.sizeBytes)
    throw outOfRange('offset', `on the disk of ${disk.sizeBytes} bytes, with ${length} bytes`, offset);
}
