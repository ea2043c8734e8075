// SPDX-License-Identifier: MIT
//
// The bytes of a disk in order: chunks that are read ahead, and Node's streams.
// Called by: disk.ts.

import { Readable, Writable } from 'node:stream';
import { checkInteger, checkOptionNames } from '../../check.js';
import { outOfRange } from '../../errors.js';
import type { StorageDisk } from './disk.js';
import type { StorageCallOptions } from './types.js';

/** Options of `chunks` and `createReadStream`. */
export interface ChunkOptions extends StorageCallOptions {
  /** First byte, a multiple of the block. Default 0. */
  readonly start?: bigint | number;
  /** Byte after the last one, a multiple of the block. Default: the end of the disk. */
  readonly end?: bigint | number;
  /** Bytes of a chunk, a multiple of the block; the last one may be shorter. Default 262144. */
  readonly chunkBytes?: number;
  /** Chunks that are read before they are asked for, 256 MiB at most. Default 4, or fewer of large ones. */
  readonly ahead?: number;
}

/** Options of `createWriteStream`. */
export interface WriteStreamOptions extends StorageCallOptions {
  /** Where the first byte goes, a multiple of the block. Default 0. */
  readonly start?: bigint | number;
}

const defaultChunkBytes = 256 * 1024;
const mostChunkBytes = 64 * 2 ** 20;
const mostAhead = 256;
/** Bytes that may be read ahead, with the chunk that is waited for. */
const mostAheadBytes = 256 * 2 ** 20;
/** What a write stream gathers before it writes. */
const gatherBytes = 2 ** 20;

/** Options are checked when the first chunk is asked for. */
export async function* chunksOf(disk: StorageDisk, options: ChunkOptions): AsyncGenerator<Uint8Array, void, undefined> {
  checkOptionNames(options, ['start', 'end', 'chunkBytes', 'ahead', 'signal', 'timeoutMs']);
  const { start = 0n, end = disk.sizeBytes, chunkBytes = defaultChunkBytes, ...limits } = options;
  checkInteger(chunkBytes, 'options.chunkBytes', disk.blockBytes, mostChunkBytes);
  if (chunkBytes % disk.blockBytes !== 0)
    throw outOfRange('options.chunkBytes', `a multiple of the block of ${disk.blockBytes} bytes`, chunkBytes);
  const most = Math.min(mostAhead, Math.floor(mostAheadBytes / chunkBytes) - 1);
  const { ahead = Math.min(4, most) } = options;
  checkInteger(ahead, 'options.ahead', 0, most);
  const last = BigInt(end);
  const coming: Promise<Uint8Array>[] = [];
  // Whoever stops in the middle does not wait for what was read ahead.
  const stop = new AbortController();
  const signal = limits.signal ? AbortSignal.any([limits.signal, stop.signal]) : stop.signal;
  let next = BigInt(start);
  if (next > last) throw outOfRange('options.start', `at most the end, ${last}`, start);
  try {
    while (next < last || coming.length > 0) {
      while (next < last && coming.length <= ahead) {
        const left = last - next;
        const bytes = left < BigInt(chunkBytes) ? Number(left) : chunkBytes;
        const chunk = disk.read(next, bytes, { ...limits, signal });
        // Looked at when its turn comes.
        chunk.catch(() => undefined);
        coming.push(chunk);
        next += BigInt(bytes);
      }
      const first = coming.shift();
      if (first) yield await first;
    }
  } finally {
    stop.abort();
    await Promise.allSettled(coming);
  }
}

export function readStreamOf(disk: StorageDisk, options: ChunkOptions): Readable {
  return Readable.from(chunksOf(disk, options), { objectMode: false });
}

export function writeStreamOf(disk: StorageDisk, options: WriteStreamOptions): Writable {
  checkOptionNames(options, ['start', 'signal', 'timeoutMs']);
  const { start = 0n, ...limits } = options;
  let at = BigInt(start);
  let kept: Uint8Array[] = [];
  let keptBytes = 0;
  const flush = async (): Promise<void> => {
    const all = Buffer.concat(kept, keptBytes);
    const whole = all.subarray(0, all.length - (all.length % disk.blockBytes));
    kept = [all.subarray(whole.length)];
    keptBytes = all.length - whole.length;
    if (whole.length === 0) return;
    await disk.write(at, whole, limits);
    at += BigInt(whole.length);
  };
  const finish = async (): Promise<void> => {
    await flush();
    if (keptBytes > 0)
      throw outOfRange('stream', `whole blocks of ${disk.blockBytes} bytes; the last one is short`, keptBytes);
    await disk.flush(limits);
  };
  const run = (work: () => Promise<void>, done: (error?: Error | null) => void): void => {
    work().then(() => done(), done);
  };
  return new Writable({
    decodeStrings: true,
    highWaterMark: gatherBytes,
    write(chunk: Uint8Array, _encoding, done) {
      keptBytes += chunk.length;
      const isEnough = keptBytes >= gatherBytes;
      // The chunk is its owner's again after `done`.
      kept.push(isEnough ? chunk : new Uint8Array(chunk));
      if (isEnough) run(flush, done);
      else done();
    },
    final(done) {
      run(finish, done);
    },
  });
}
