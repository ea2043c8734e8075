// SPDX-License-Identifier: MIT
//
// `hv scsi read` and `hv scsi write`: bytes of a disk to a file or standard output, and back.

import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { StorageDisk } from '../../index.js';
import type { Context } from '../context.js';
import { bytes, grouped } from '../figures.js';
import { UsageError } from '../usage-error.js';
import { diskOf, diskText, openController } from './open-controller.js';

interface ReadOptions {
  readonly lun?: number;
  readonly offset: number;
  readonly length?: number;
  readonly output?: string;
}

interface WriteOptions {
  readonly lun?: number;
  readonly offset: number;
  readonly write?: boolean;
}

const progressMs = 500;

/** Runs `hv scsi read`. */
export async function read(context: Context, name: string, options: ReadOptions): Promise<void> {
  const { signal, out } = context;
  if (options.output === undefined && out.json) throw new UsageError('--json needs --output', 'hv scsi read --help');
  const open = await openController(context, name);
  const disk = await diskOf(open, options.lun);
  const start = BigInt(options.offset);
  const end = options.length === undefined ? disk.sizeBytes : start + BigInt(options.length);
  const progress = new Progress(end - start);
  const chunks = watched(disk, { start, end, signal }, progress);
  if (options.output === undefined) await pipeline(chunks, process.stdout, { end: false, signal });
  else await pipeline(chunks, createWriteStream(options.output, { mode: 0o600 }), { signal });
  progress.end();
  const fields = { device: open.device.id, lun: disk.lun, offset: start, bytes: end - start };
  if (out.json) out.document('vmbus.scsi.read/1', { ...fields, path: options.output });
  else out.note(`${grouped(end - start)} bytes read of ${diskText(disk)}`);
}

/** Runs `hv scsi write`. */
export async function write(context: Context, name: string, file: string, options: WriteOptions): Promise<void> {
  const { signal, out } = context;
  const found = statSync(file);
  if (!found.isFile()) throw new UsageError(`${file} is no file`, 'its size must be known: copy it into one first');
  const { size } = found;
  const open = await openController(context, name, { write: options.write === true });
  const disk = await diskOf(open, options.lun);
  const start = BigInt(options.offset);
  const where = `bytes ${grouped(start)} to ${grouped(start + BigInt(size))} of ${diskText(disk)}`;
  if (options.write !== true)
    throw new UsageError(`this would overwrite ${where}`, 'if that is meant: the same command with --write');
  if (size % disk.blockBytes !== 0)
    throw new UsageError(`${file} is not whole blocks of ${disk.blockBytes} bytes (it has ${size})`, 'pad it first');
  if (start + BigInt(size) > disk.sizeBytes)
    throw new UsageError(`${file} does not fit: it has ${grouped(size)} bytes, for ${where}`, 'nothing was written');
  out.note(`overwriting ${where}`);
  const progress = new Progress(BigInt(size));
  // Not a byte more than was said, also where the file has grown meanwhile.
  const source = size === 0 ? Readable.from([]) : createReadStream(file, { highWaterMark: 2 ** 20, end: size - 1 });
  source.on('data', (part: Uint8Array) => progress.add(part.length));
  await pipeline(source, disk.createWriteStream({ start, signal }), { signal });
  progress.end();
  const fields = { device: open.device.id, lun: disk.lun, offset: start, bytes: size, path: file };
  if (out.json) out.document('vmbus.scsi.write/1', fields);
  else out.note(`${grouped(size)} bytes written and flushed`);
}

async function* watched(
  disk: StorageDisk,
  options: { readonly start: bigint; readonly end: bigint; readonly signal: AbortSignal },
  progress: Progress,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of disk.chunks(options)) {
    progress.add(chunk.length);
    yield chunk;
  }
}

/** How far it is, on a terminal. */
class Progress {
  readonly #total: bigint;
  readonly #isShown = process.stderr.isTTY === true;
  #done = 0;
  #last = performance.now();

  constructor(total: bigint) {
    this.#total = total;
  }

  add(length: number): void {
    this.#done += length;
    if (!this.#isShown || performance.now() - this.#last < progressMs) return;
    this.#last = performance.now();
    process.stderr.write(`\r${bytes(this.#done)} of ${bytes(Number(this.#total))}\u001b[K`);
  }

  end(): void {
    if (this.#isShown) process.stderr.write('\r\u001b[K');
  }
}
