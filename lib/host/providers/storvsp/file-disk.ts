// SPDX-License-Identifier: MIT
//
// A disk in a file that the script named: a raw image, or a block device that nobody uses. Nothing outside of it is written.
// Called by: disk-choice.ts, scripts. Calls: file-claim.ts, which opens it.
//
// What is unmapped is written over with zeroes, but for what reads as zeroes already: a hole in the file stays one.

import type { FileHandle } from 'node:fs/promises';

import { checkFlag, checkOptionNames } from '../../../check.js';
import { invalidType, VmbusError } from '../../../errors.js';
import { type BlockBytes, checkBlockBytes, checkDiskBytes, checkPlace, type Disk } from './disk.js';
import { claimFile, type FileClaim } from './file-claim.js';

const zeroes = new Uint8Array(256 * 1024);

/** Options of {@link openFileDisk}. */
export interface FileDiskOptions {
  /** Default 512. */
  readonly blockBytes?: BlockBytes;
  /** Opened for reading only; the guest sees a write-protected disk. Default false. */
  readonly readonly?: boolean;
  /** Makes a sparse file of this size where there is none; one that is there must have it. */
  readonly createBytes?: number;
}

/** A disk in a file. Holds the file open until it is closed. */
export interface FileDisk extends Disk, AsyncDisposable {
  readonly path: string;
  /** Only a regular file can be resized. */
  resize(sizeBytes: number): Promise<void>;
  /** Writes everything to the medium and lets go of the file. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Opens a disk in a file. Nobody else in this process may have it open, unless all only read; a block device must not be used
 * by the kernel either.
 * @throws VmbusError ERR_VMBUS_IN_USE, ERR_VMBUS_NODE_KIND, ERR_VMBUS_PERMISSION, ERR_VMBUS_SYSTEM; TypeError, RangeError for wrong options
 * @example
 * await using disk = await openFileDisk('disk.img', { createBytes: 2 ** 30 });
 * await using host = await SimulatedHost.start({ devices: [scsi({ disks: [disk] })] });
 */
export async function openFileDisk(path: string, options: FileDiskOptions = {}): Promise<FileDisk> {
  if (typeof path !== 'string' || path === '') throw invalidType('path', 'the path of a file', path);
  checkOptionNames(options, ['blockBytes', 'readonly', 'createBytes']);
  const { blockBytes = 512, createBytes } = options;
  checkFlag(options.readonly, 'options.readonly');
  checkBlockBytes(blockBytes, 'options.blockBytes');
  if (createBytes !== undefined) checkDiskBytes(createBytes, blockBytes, 'options.createBytes');
  const isReadonly = options.readonly ?? false;
  const claim = await claimFile(path, { readonly: isReadonly, createBytes: createBytes ?? null });
  if (claim.sizeBytes >= blockBytes) return new OpenFileDisk(claim, blockBytes, isReadonly);
  await claim.release();
  throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `${path} has ${claim.sizeBytes} bytes, a disk has one block at least`, {
    path,
    hint: 'make it larger first: `truncate -s 1G FILE`',
  });
}

class OpenFileDisk implements FileDisk {
  readonly path: string;
  readonly blockBytes: BlockBytes;
  readonly readonly: boolean;
  readonly #claim: FileClaim;
  readonly #file: FileHandle;
  #sizeBytes: number;
  #closing: Promise<void> | null = null;

  constructor(claim: FileClaim, blockBytes: BlockBytes, isReadonly: boolean) {
    this.path = claim.path;
    this.blockBytes = blockBytes;
    this.readonly = isReadonly;
    this.#claim = claim;
    this.#file = claim.file;
    this.#sizeBytes = claim.sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkPlace(this, offset, length);
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw this.#shrunk(offset + done);
      done += bytesRead;
    }
    return bytes;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    checkPlace(this, offset, bytes.length);
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, offset + done);
      done += bytesWritten;
    }
  }

  async flush(): Promise<void> {
    if (!this.readonly) await this.#file.datasync();
  }

  async unmap(offset: number, length: number): Promise<void> {
    checkPlace(this, offset, length);
    for (let at = offset; at < offset + length; at += zeroes.length) {
      const part = zeroes.subarray(0, Math.min(zeroes.length, offset + length - at));
      if (Buffer.compare(await this.read(at, part.length), part) !== 0) await this.write(at, part);
    }
  }

  async resize(sizeBytes: number): Promise<void> {
    checkDiskBytes(sizeBytes, this.blockBytes, 'sizeBytes');
    if (this.readonly || !this.#claim.isRegular)
      throw new VmbusError(
        'ERR_VMBUS_UNSUPPORTED',
        `${this.path} cannot be resized: ${this.#claim.isRegular ? 'it is open for reading only' : 'it is a block device'}`,
        { path: this.path },
      );
    await this.#file.truncate(sizeBytes);
    this.#sizeBytes = sizeBytes;
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.#claim.release();
    }
  }

  #shrunk(at: number): VmbusError {
    return new VmbusError('ERR_VMBUS_SYSTEM', `${this.path} ends at byte ${at}: somebody made it smaller`, {
      path: this.path,
    });
  }
}
