// SPDX-License-Identifier: MIT
//
// What commands do to the blocks of a disk. Every extent is checked before anything is done; whatever the disk rejects with
// becomes sense data.
// Called by: unit.ts.

import type { SynchronizeCommand, TransferCommand, WriteSameCommand } from '../../../protocol/scsi/commands.js';
import { decodeUnmap } from '../../../protocol/scsi/lists.js';
import { type Sense, senses } from '../../../protocol/scsi/sense.js';
import type { Disk } from './disk.js';
import type { GuestData } from './guest-data.js';
import { CheckCondition } from './refusals.js';

/** Most bytes that one UNMAP or WRITE SAME is for, so that no request takes for ever. */
export const mostClearedBytes: number = 64 * 2 ** 20;
/** Most extents of one UNMAP. */
export const mostUnmapExtents = 256;

const pieceBytes = 256 * 1024;

/** Blocks of a disk. */
export class UnitBlocks {
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Whole blocks of the disk, as it is now. */
  get count(): number {
    return Math.floor(this.#disk.sizeBytes / this.#disk.blockBytes);
  }

  /** @returns bytes moved */
  async read(command: TransferCommand, data: GuestData): Promise<number> {
    const { offset, length } = this.#place(command.lba, command.blocks);
    if (length === 0) return 0;
    data.need(length);
    const bytes = await this.#onDisk(senses.readError, () => this.#disk.read(offset, length));
    if (bytes.length !== length) throw new CheckCondition(senses.internalFailure);
    return await data.store(bytes);
  }

  /** @returns bytes moved */
  async write(command: TransferCommand, data: GuestData): Promise<number> {
    this.#checkWritable();
    const { offset, length } = this.#place(command.lba, command.blocks);
    if (length === 0) return 0;
    const bytes = await data.fetch(length);
    await this.#onDisk(senses.writeError, () => this.#disk.write(offset, bytes));
    if (command.forceUnitAccess) await this.#onDisk(senses.writeError, () => this.#disk.flush());
    return length;
  }

  /** @returns bytes moved */
  async writeSame(command: WriteSameCommand, data: GuestData): Promise<number> {
    this.#checkWritable();
    const { blockBytes } = this.#disk;
    if (command.blocks === 0 || command.blocks * blockBytes > mostClearedBytes)
      throw new CheckCondition(senses.invalidField);
    const { offset, length } = this.#place(command.lba, command.blocks);
    const moved = command.noData ? 0 : blockBytes;
    const block = await data.fetch(moved);
    const isZero = block.every((byte) => byte === 0);
    await this.#onDisk(senses.writeError, () =>
      isZero ? this.#disk.unmap(offset, length) : this.#fill(offset, length, block),
    );
    return moved;
  }

  /** @returns bytes moved */
  async unmap(parameterBytes: number, data: GuestData): Promise<number> {
    this.#checkWritable();
    if (parameterBytes === 0) return 0;
    const extents = decodeUnmap(await data.fetch(parameterBytes));
    if (!extents) throw new CheckCondition(senses.parameterListLength);
    const places = extents.map(({ lba, blocks }) => this.#place(lba, blocks));
    const sum = places.reduce((bytes, { length }) => bytes + length, 0);
    if (places.length > mostUnmapExtents || sum > mostClearedBytes) throw new CheckCondition(senses.invalidParameter);
    for (const { offset, length } of places)
      if (length > 0) await this.#onDisk(senses.writeError, () => this.#disk.unmap(offset, length));
    return parameterBytes;
  }

  async synchronize(command: SynchronizeCommand): Promise<void> {
    this.#place(command.lba, command.blocks);
    await this.flush();
  }

  async flush(): Promise<void> {
    await this.#onDisk(senses.writeError, () => this.#disk.flush());
  }

  #checkWritable(): void {
    if (this.#disk.readonly) throw new CheckCondition(senses.writeProtected);
  }

  /** Where blocks are, in bytes. */
  #place(lba: bigint, blocks: number): { readonly offset: number; readonly length: number } {
    if (lba + BigInt(blocks) > BigInt(this.count)) throw new CheckCondition(senses.blockOutOfRange);
    return { offset: Number(lba) * this.#disk.blockBytes, length: blocks * this.#disk.blockBytes };
  }

  async #fill(offset: number, length: number, block: Uint8Array): Promise<void> {
    const piece = Buffer.alloc(Math.min(length, pieceBytes), block);
    for (let at = 0; at < length; at += piece.length)
      await this.#disk.write(offset + at, piece.subarray(0, Math.min(piece.length, length - at)));
  }

  async #onDisk<T>(sense: Sense, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      const isFull = (error as { code?: unknown } | null)?.code === 'ENOSPC';
      throw new CheckCondition(isFull ? senses.outOfSpace : sense, error);
    }
  }
}
