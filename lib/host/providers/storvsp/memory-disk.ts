// SPDX-License-Identifier: MIT
//
// A disk in memory. Only what was written takes memory, in chunks of 64 KiB, so that a disk of terabytes costs nothing.
// Called by: disk-choice.ts, scripts.

import { checkFlag, checkOptionNames } from '../../../check.js';
import { type BlockBytes, checkBlockBytes, checkDiskBytes, checkPlace, type Disk } from './disk.js';

const chunkBytes = 64 * 1024;
const emptyChunk = new Uint8Array(chunkBytes);

/** Options of {@link memoryDisk}. */
export interface MemoryDiskOptions {
  readonly sizeBytes: number;
  /** Default 512. */
  readonly blockBytes?: BlockBytes;
  /** Default false. */
  readonly readonly?: boolean;
  /** What stands at its beginning, also of a write-protected one. Copied. */
  readonly content?: Uint8Array;
}

/** A disk in memory. */
export interface MemoryDisk extends Disk {
  /** Memory that its content takes. */
  readonly usedBytes: number;
  resize(sizeBytes: number): Promise<void>;
}

/**
 * A disk in memory, sparse.
 * @throws TypeError, RangeError for options that make no sense
 * @example
 * const disk = memoryDisk({ sizeBytes: 2 ** 40 });
 * await using host = await SimulatedHost.start({ devices: [scsi({ disks: [disk] })] });
 */
export function memoryDisk(options: MemoryDiskOptions): MemoryDisk {
  checkOptionNames(options, ['sizeBytes', 'blockBytes', 'readonly', 'content']);
  const { sizeBytes, blockBytes = 512, content } = options;
  checkBlockBytes(blockBytes, 'options.blockBytes');
  checkDiskBytes(sizeBytes, blockBytes, 'options.sizeBytes');
  checkFlag(options.readonly, 'options.readonly');
  const disk = new SparseDisk(sizeBytes, blockBytes, options.readonly ?? false);
  if (content) {
    checkPlace(disk, 0, content.length);
    disk.put(0, content);
  }
  return disk;
}

class SparseDisk implements MemoryDisk {
  readonly blockBytes: BlockBytes;
  readonly readonly: boolean;
  #sizeBytes: number;
  readonly #chunks = new Map<number, Uint8Array>();

  constructor(sizeBytes: number, blockBytes: BlockBytes, isReadonly: boolean) {
    this.#sizeBytes = sizeBytes;
    this.blockBytes = blockBytes;
    this.readonly = isReadonly;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get usedBytes(): number {
    return this.#chunks.size * chunkBytes;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkPlace(this, offset, length);
    const bytes = new Uint8Array(length);
    for (const { chunk, from, to, at } of pieces(offset, length)) {
      const kept = this.#chunks.get(chunk);
      if (kept) bytes.set(kept.subarray(from, to), at);
    }
    return bytes;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    checkPlace(this, offset, bytes.length);
    this.put(offset, bytes);
  }

  async flush(): Promise<void> {}

  async unmap(offset: number, length: number): Promise<void> {
    checkPlace(this, offset, length);
    this.#clear(offset, length);
  }

  async resize(sizeBytes: number): Promise<void> {
    checkDiskBytes(sizeBytes, this.blockBytes, 'sizeBytes');
    // What is cut off must not come back when it grows again.
    if (sizeBytes < this.#sizeBytes) this.#clear(sizeBytes, this.#sizeBytes - sizeBytes);
    this.#sizeBytes = sizeBytes;
  }

  put(offset: number, bytes: Uint8Array): void {
    for (const { chunk, from, to, at } of pieces(offset, bytes.length)) {
      let kept = this.#chunks.get(chunk);
      const part = bytes.subarray(at, at + to - from);
      if (!kept) {
        // Zeroes are there already.
        if (Buffer.compare(part, emptyChunk.subarray(0, part.length)) === 0) continue;
        kept = new Uint8Array(chunkBytes);
        this.#chunks.set(chunk, kept);
      }
      kept.set(part, from);
    }
  }

  #clear(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / chunkBytes);
    // A wide range over few chunks: look at the chunks.
    if (length > this.#chunks.size * chunkBytes) {
      const first = Math.floor(offset / chunkBytes);
      for (const chunk of [...this.#chunks.keys()]) if (chunk > first && chunk < last) this.#chunks.delete(chunk);
      this.#clearPiece(offset, Math.min(length, chunkBytes - (offset % chunkBytes)));
      const start = Math.max(offset, last * chunkBytes);
      this.#clearPiece(start, offset + length - start);
      return;
    }
    for (let at = offset; at < offset + length; ) {
      const bytes = Math.min(offset + length - at, chunkBytes - (at % chunkBytes));
      this.#clearPiece(at, bytes);
      at += bytes;
    }
  }

  /** Within one chunk. */
  #clearPiece(offset: number, length: number): void {
    const chunk = Math.floor(offset / chunkBytes);
    if (length === chunkBytes) this.#chunks.delete(chunk);
    else this.#chunks.get(chunk)?.fill(0, offset % chunkBytes, (offset % chunkBytes) + length);
  }
}

interface Piece {
  readonly chunk: number;
  /** In the chunk. */
  readonly from: number;
  readonly to: number;
  /** From the beginning of all pieces. */
  readonly at: number;
}

function* pieces(offset: number, length: number): Generator<Piece> {
  for (let at = 0; at < length; ) {
    const from = (offset + at) % chunkBytes;
    const bytes = Math.min(length - at, chunkBytes - from);
    yield { chunk: Math.floor((offset + at) / chunkBytes), from, to: from + bytes, at };
    at += bytes;
  }
}
