// SPDX-License-Identifier: MIT
//
// How large a disk is: the data of READ CAPACITY (10) and (16). Big-endian.
// Shared by devices/storvsc (guest) and host/providers/storvsp (host). Source: SBC-3, 5.15 and 5.16.

/** How large a disk is. */
export interface DiskCapacity {
  readonly blocks: bigint;
  readonly blockBytes: number;
}

/** What READ CAPACITY (16) says besides. */
export interface DiskCapacity16 extends DiskCapacity {
  /** Blocks to a physical one, as a power of 2. */
  readonly physicalExponent: number;
  /** Blocks can be unmapped. */
  readonly isThin: boolean;
  /** What was unmapped reads as zeroes. */
  readonly readsZeroes: boolean;
}

/** Bytes of the data of either form. */
export const capacityBytes = { form10: 8, form16: 32 } as const;

const mostLba = 0xffff_ffffn;

/** Data of READ CAPACITY (10); a disk with more blocks than it can say answers 2^32 - 1, which means: ask with (16). */
export function encodeCapacity10({ blocks, blockBytes }: DiskCapacity): Uint8Array {
  const bytes = new Uint8Array(capacityBytes.form10);
  const view = new DataView(bytes.buffer);
  const last = blocks - 1n;
  view.setUint32(0, Number(last < mostLba ? last : mostLba));
  view.setUint32(4, blockBytes);
  return bytes;
}

/** Data of READ CAPACITY (16). */
export function encodeCapacity16(capacity: DiskCapacity16): Uint8Array {
  const bytes = new Uint8Array(capacityBytes.form16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, capacity.blocks - 1n);
  view.setUint32(8, capacity.blockBytes);
  bytes[13] = capacity.physicalExponent & 0xf;
  bytes[14] = (capacity.isThin ? 0x80 : 0) | (capacity.readsZeroes ? 0x40 : 0);
  return bytes;
}

/** What the data of READ CAPACITY (10) say; null where they are too short, or the disk is too large for them. */
export function decodeCapacity10(bytes: Uint8Array): DiskCapacity | null {
  if (bytes.length < capacityBytes.form10) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const last = BigInt(view.getUint32(0));
  return last === mostLba ? null : { blocks: last + 1n, blockBytes: view.getUint32(4) };
}

/** What the data of READ CAPACITY (16) say; null where they are too short. */
export function decodeCapacity16(bytes: Uint8Array): DiskCapacity16 | null {
  if (bytes.length < capacityBytes.form16) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const bits = view.getUint8(14);
  return {
    blocks: view.getBigUint64(0) + 1n,
    blockBytes: view.getUint32(8),
    physicalExponent: view.getUint8(13) & 0xf,
    isThin: (bits & 0x80) !== 0,
    readsZeroes: (bits & 0x40) !== 0,
  };
}
