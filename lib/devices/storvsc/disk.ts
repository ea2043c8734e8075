// SPDX-License-Identifier: MIT
//
// A disk of a controller that a script drives: reads, writes, flushes, discards.
// Made by: units.ts. Calls: commands.ts, pieces.ts, streams.ts.

import type { Readable, Writable } from 'node:stream';
import { inspect } from 'node:util';
import { invalidType, outOfRange, VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import type { DiskCapacity } from '../../protocol/scsi/capacity.js';
import { encodeUnmap } from '../../protocol/scsi/lists.js';
import type { BlockLimits } from '../../protocol/scsi/vpd.js';
import { checkCall } from './arguments.js';
import { CallLimits } from './call-limits.js';
import type { Commands } from './commands.js';
import { shortError } from './errors.js';
import { type PartitionTable, readPartitions } from './partitions.js';
import { piecesOf, runPieces } from './pieces.js';
import { type ChunkOptions, chunksOf, readStreamOf, type WriteStreamOptions, writeStreamOf } from './streams.js';
import type { StorageCallOptions, StorageUnit } from './types.js';

/** What a disk is told by its controller. */
export interface DiskHome {
  readonly commands: Commands;
  readonly maxTransferBytes: number;
  readonly queueDepth: number;
  readonly timeoutMs: number;
  readonly canWrite: boolean;
}

/** What a disk says of itself, besides its size. */
export interface DiskFacts {
  readonly unit: StorageUnit;
  /** Null where it has none. */
  readonly serial: string | null;
  readonly isWriteProtected: boolean;
  /** Blocks can be given back; null where it does not say, which means no. */
  readonly limits: BlockLimits | null;
  readonly canDiscard: boolean;
}

const most10 = 0xffff_ffffn;
const mostBlocksOfUnmap = 0xffff_ffff;
const discardBytes = 24;

/**
 * A disk. Offsets are in bytes, as bigint or safe integers; offsets and lengths are multiples of {@link blockBytes}.
 * @category Devices
 */
export class StorageDisk {
  readonly #home: DiskHome;
  readonly #facts: DiskFacts;
  #capacity: DiskCapacity;
  #isGone = false;

  /** @internal */
  constructor(home: DiskHome, facts: DiskFacts, capacity: DiskCapacity) {
    this.#home = home;
    this.#facts = facts;
    this.#capacity = capacity;
  }

  get lun(): number {
    return this.#facts.unit.lun;
  }

  get unit(): StorageUnit {
    return this.#facts.unit;
  }

  /** Serial number; null where it has none. */
  get serial(): string | null {
    return this.#facts.serial;
  }

  /** Bytes of a block. */
  get blockBytes(): number {
    return this.#capacity.blockBytes;
  }

  get sizeBytes(): bigint {
    return this.#capacity.blocks * BigInt(this.#capacity.blockBytes);
  }

  /** The host lets nobody write to it. */
  get isWriteProtected(): boolean {
    return this.#facts.isWriteProtected;
  }

  /** Whether {@link write} may work: the disk is not protected, and the controller was opened with `{ write: true }`. */
  get isWritable(): boolean {
    return this.#home.canWrite && !this.isWriteProtected;
  }

  /** Whether {@link discard} may work. */
  get canDiscard(): boolean {
    return this.#facts.canDiscard && this.isWritable;
  }

  /** The host has taken it away. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /**
   * Reads, in as many requests as it takes.
   * @param where How many bytes, or what to fill.
   * @returns the bytes: a fresh array, or the one that was given
   * @throws RangeError ERR_OUT_OF_RANGE; VmbusError ERR_VMBUS_SCSI, _NO_DEVICE, _TIMEOUT, _RESCINDED, _CLOSED; the signal's reason
   * @example
   * const first = await disk.read(0n, 4096);
   */
  async read(
    offset: bigint | number,
    where: number | Uint8Array,
    options: StorageCallOptions = {},
  ): Promise<Uint8Array> {
    const isLength = typeof where === 'number';
    if (!isLength && !(where instanceof Uint8Array)) throw invalidType('where', 'a number or a Uint8Array', where);
    const first = this.#blockAt(offset, isLength ? where : where.length);
    const target = isLength ? new Uint8Array(where) : where;
    await this.#inPieces('read', target.length, options, async ({ at, length }, signal) => {
      const part = target.subarray(at, at + length);
      const command = { kind: 'read', ...this.#extent(first, at, length), forceUnitAccess: false } as const;
      const { transferBytes } = await this.#home.commands.must(this.lun, command, { target: part, signal });
      if (transferBytes !== length) throw shortError(this.#name('read'), length, transferBytes);
    });
    return target;
  }

  /**
   * Writes; the bytes must stay as they are until this resolves. They may be in a cache of the host then: see {@link flush}.
   * @throws VmbusError ERR_VMBUS_PERMISSION without `{ write: true }`; else as {@link read}. After an error any part may be written
   */
  async write(offset: bigint | number, bytes: Uint8Array, options: StorageCallOptions = {}): Promise<void> {
    if (!(bytes instanceof Uint8Array)) throw invalidType('bytes', 'a Uint8Array', bytes);
    this.#checkWritable('write to');
    const first = this.#blockAt(offset, bytes.length);
    await this.#inPieces('write', bytes.length, options, async ({ at, length }, signal) => {
      const data = bytes.subarray(at, at + length);
      const command = { kind: 'write', ...this.#extent(first, at, length), forceUnitAccess: false } as const;
      const { transferBytes } = await this.#home.commands.must(this.lun, command, { data, signal });
      if (transferBytes !== length) throw shortError(this.#name('write'), length, transferBytes);
    });
  }

  /** What was written before is on the medium when this resolves. @throws as {@link write} */
  async flush(options: StorageCallOptions = {}): Promise<void> {
    using limits = this.#limitsOf('flush', options);
    const command = { kind: 'synchronizeCache', form: 10, lba: 0n, blocks: 0 } as const;
    await this.#home.commands.must(this.lun, command, { signal: limits.signal });
  }

  /**
   * Gives blocks back to the host: what they hold is lost.
   * @throws VmbusError ERR_VMBUS_UNSUPPORTED for a disk that takes nothing back; else as {@link write}
   */
  async discard(offset: bigint | number, length: number | bigint, options: StorageCallOptions = {}): Promise<void> {
    this.#checkWritable('discard blocks of');
    if (!this.#facts.canDiscard)
      throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `${this.#text} does not take blocks back`, {
        device: this.#device,
        facts: { feature: 'discard', lun: this.lun },
      });
    const first = this.#blockAt(offset, length);
    using limits = this.#limitsOf('discard', options);
    const limit = this.#facts.limits?.maxUnmapBlocks || mostBlocksOfUnmap;
    const end = first + BigInt(length) / BigInt(this.blockBytes);
    for (let lba = first; lba < end; lba += BigInt(limit)) {
      const blocks = Number(end - lba < BigInt(limit) ? end - lba : BigInt(limit));
      const data = encodeUnmap([{ lba, blocks }]);
      const command = { kind: 'unmap', parameterBytes: discardBytes } as const;
      await this.#home.commands.must(this.lun, command, { data, signal: limits.signal });
    }
  }

  /** Its partition table, with what is wrong with it. @throws as {@link read} */
  partitions(options: StorageCallOptions = {}): Promise<PartitionTable> {
    return readPartitions(this, options);
  }

  /**
   * The bytes in order, read ahead.
   * @example
   * for await (const chunk of disk.chunks({ end: 1n << 20n })) hash.update(chunk);
   */
  chunks(options: ChunkOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    return chunksOf(this, options);
  }

  /** A stream of the bytes. Options as {@link chunks}. */
  createReadStream(options: ChunkOptions = {}): Readable {
    return readStreamOf(this, options);
  }

  /** A stream that writes what it gets from `start` on, and flushes at its end. All of it must be whole blocks. */
  createWriteStream(options: WriteStreamOptions = {}): Writable {
    this.#checkWritable('write to');
    return writeStreamOf(this, options);
  }

  /** @internal The disk has another size from now on. */
  resized(capacity: DiskCapacity): void {
    this.#capacity = capacity;
  }

  /** @internal */
  gone(): void {
    this.#isGone = true;
  }

  get #device(): Guid {
    return this.#home.commands.device;
  }

  get #text(): string {
    return `LUN ${this.lun} of device ${this.#device}`;
  }

  #name(command: string): { device: Guid; lun: number; command: string } {
    return { device: this.#device, lun: this.lun, command };
  }

  /** @throws TypeError, RangeError */
  #limitsOf(what: string, options: StorageCallOptions): CallLimits {
    checkCall(options);
    const { timeoutMs = this.#home.timeoutMs, ...rest } = options;
    return new CallLimits({ ...rest, timeoutMs }, `${what} on ${this.#text}`);
  }

  async #inPieces(
    what: string,
    length: number,
    options: StorageCallOptions,
    run: (piece: { at: number; length: number }, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    using limits = this.#limitsOf(what, options);
    const { maxTransferBytes, queueDepth } = this.#home;
    const most = maxTransferBytes - (maxTransferBytes % this.blockBytes);
    const atOnce = Math.min(queueDepth, Math.ceil(length / most));
    await runPieces(piecesOf(length, most), atOnce, (piece) => run(piece, limits.signal));
  }

  /** First block; both are checked. */
  #blockAt(offset: bigint | number, length: bigint | number): bigint {
    const block = BigInt(this.blockBytes);
    const from = wholeBytes(offset, 'offset');
    const bytes = wholeBytes(length, 'length');
    if (from % block !== 0n) throw outOfRange('offset', `a multiple of the block of ${block} bytes`, offset);
    if (bytes % block !== 0n) throw outOfRange('length', `a multiple of the block of ${block} bytes`, length);
    if (from + bytes > this.sizeBytes)
      throw outOfRange('offset', `on the disk of ${this.sizeBytes} bytes, with ${bytes} bytes`, offset);
    return from / block;
  }

  #extent(first: bigint, at: number, length: number): { form: 10 | 16; lba: bigint; blocks: number } {
    const lba = first + BigInt(at / this.blockBytes);
    const blocks = length / this.blockBytes;
    return { form: lba + BigInt(blocks) <= most10 && blocks <= 0xffff ? 10 : 16, lba, blocks };
  }

  #checkWritable(doing: string): void {
    if (this.isWritable) return;
    const isProtected = this.isWriteProtected;
    const why = isProtected ? 'the host has it write-protected' : 'the controller was opened for reading';
    throw new VmbusError('ERR_VMBUS_PERMISSION', `can't ${doing} ${this.#text}: ${why}`, {
      device: this.#device,
      facts: { lun: this.lun, isWriteProtected: isProtected },
      hint: isProtected ? 'change that on the host' : 'openStorage(device, { write: true }), or hv scsi write --write',
    });
  }
}

// Not a method: its computed name could not stand in the declaration file.
Object.defineProperty(StorageDisk.prototype, inspect.custom, {
  value(this: StorageDisk): string {
    const { lun, unit, sizeBytes, blockBytes, isWritable } = this;
    const what = `${unit.vendor} ${unit.product}`.trim();
    return `StorageDisk LUN ${lun} (${what}, ${sizeBytes} bytes in blocks of ${blockBytes}${isWritable ? ', writable' : ''})`;
  },
});

function wholeBytes(value: unknown, name: string): bigint {
  if (typeof value !== 'bigint' && typeof value !== 'number') throw invalidType(name, 'a bigint or a number', value);
  const isWhole = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (!isWhole || value < 0) throw outOfRange(name, 'a whole number of bytes, not negative', value);
  return BigInt(value);
}
