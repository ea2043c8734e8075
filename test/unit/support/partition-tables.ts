// SPDX-License-Identifier: MIT
//
// Disks with partition tables, written here by the specification's offsets, not by the code under test.

import { crc32 } from 'node:zlib';

/** Bytes of a disk, and how they are read. */
export class TableDisk {
  readonly blockBytes: number;
  readonly bytes: Buffer;

  constructor(blocks: number, blockBytes = 512) {
    this.blockBytes = blockBytes;
    this.bytes = Buffer.alloc(blocks * blockBytes);
  }

  get sizeBytes(): bigint {
    return BigInt(this.bytes.length);
  }

  read = async (offset: bigint | number, where: number | Uint8Array): Promise<Uint8Array> => {
    const length = typeof where === 'number' ? where : where.length;
    if (Number(offset) + length > this.bytes.length) throw new RangeError(`outside: ${offset} + ${length}`);
    return Uint8Array.from(this.bytes.subarray(Number(offset), Number(offset) + length));
  };

  block(number: number): Buffer {
    return this.bytes.subarray(number * this.blockBytes, (number + 1) * this.blockBytes);
  }

  /** The first block: entries as type, first block, blocks. */
  mbr(entries: readonly (readonly [type: number, first: number, blocks: number])[]): this {
    const block = this.block(0);
    block.writeUInt16LE(0xaa55, 510);
    for (const [i, [type, first, blocks]] of entries.entries()) {
      const at = 446 + 16 * i;
      block[at + 4] = type;
      block.writeUInt32LE(first, at + 8);
      block.writeUInt32LE(blocks, at + 12);
    }
    return this;
  }

  /** Both copies, and the protective entry. Partitions as first and last block; `GUID` bytes are all the same digit. */
  gpt(partitions: readonly (readonly [first: number, last: number, name: string])[]): this {
    const blocks = this.bytes.length / this.blockBytes;
    this.mbr([[0xee, 1, blocks - 1]]);
    const entries = Buffer.alloc(128 * 128);
    for (const [i, [first, last, name]] of partitions.entries()) {
      const entry = entries.subarray(128 * i, 128 * (i + 1));
      // EFI system partition, as it stands on disks.
      entry.set(Buffer.from('28732ac11ff8d211ba4b00a0c93ec93b', 'hex'));
      entry.fill(0x11 * (i + 1), 16, 32);
      entry.writeBigUInt64LE(BigInt(first), 32);
      entry.writeBigUInt64LE(BigInt(last), 40);
      entry.write(name, 56, 'utf16le');
    }
    const span = entries.length / this.blockBytes;
    const last = blocks - 1;
    for (const [own, other, at] of [
      [1, last, 2],
      [last, 1, last - span],
    ] as const) {
      entries.copy(this.bytes, at * this.blockBytes);
      this.#header(own, other, at, span, entries);
    }
    return this;
  }

  #header(own: number, other: number, at: number, span: number, entries: Buffer): void {
    const blocks = this.bytes.length / this.blockBytes;
    const block = this.block(own).fill(0);
    block.write('EFI PART', 0, 'latin1');
    block.writeUInt32LE(0x1_0000, 8);
    block.writeUInt32LE(92, 12);
    const places = [own, other, 2 + span, blocks - 2 - span];
    for (const [i, place] of places.entries()) block.writeBigUInt64LE(BigInt(place), 24 + 8 * i);
    block.fill(0xdd, 56, 72);
    block.writeBigUInt64LE(BigInt(at), 72);
    block.writeUInt32LE(entries.length / 128, 80);
    block.writeUInt32LE(128, 84);
    block.writeUInt32LE(crc32(entries), 88);
    block.writeUInt32LE(crc32(block.subarray(0, 92)), 16);
  }
}
