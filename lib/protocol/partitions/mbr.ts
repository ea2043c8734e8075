// SPDX-License-Identifier: MIT
//
// The partition table of the first block, as old machines boot from: four entries, little-endian.
// Called by: devices/storvsc/partitions.ts. Source: UEFI specification 5.2, and the layout that every fdisk writes.

/** An entry that is used. */
export interface MbrEntry {
  /** 1 to 4. */
  readonly number: number;
  /** Type byte: 0x83 Linux, 0x07 NTFS, 0xee "see the GPT". */
  readonly type: number;
  readonly firstBlock: bigint;
  readonly blocks: bigint;
  readonly isActive: boolean;
}

/** Type of the entry that stands for a GPT. */
export const protectiveType = 0xee;
/** Types of partitions that hold more partitions. */
export const extendedTypes: readonly number[] = [0x05, 0x0f, 0x85];

const tableOffset = 446;
const entryBytes = 16;
const leastBytes = 512;

/** Entries of the first block; null where it is no such table: no signature, or a status byte that none has. */
export function decodeMbr(block: Uint8Array): MbrEntry[] | null {
  if (block.length < leastBytes || block[510] !== 0x55 || block[511] !== 0xaa) return null;
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const entries: MbrEntry[] = [];
  for (let i = 0; i < 4; i += 1) {
    const at = tableOffset + i * entryBytes;
    const status = view.getUint8(at);
    // The boot sector of a file system has the signature, too, and code in this place.
    if (status !== 0 && status !== 0x80) return null;
    const type = view.getUint8(at + 4);
    const blocks = BigInt(view.getUint32(at + 12, true));
    if (type === 0 || blocks === 0n) continue;
    const firstBlock = BigInt(view.getUint32(at + 8, true));
    entries.push({ number: i + 1, type, firstBlock, blocks, isActive: status === 0x80 });
  }
  return entries;
}
