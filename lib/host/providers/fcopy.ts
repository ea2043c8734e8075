// SPDX-License-Identifier: MIT
//
// The file copy service (guest services, Copy-VMFile): sends files to the guest.
// Called by: scripts, by-name.ts. Frame and openings: ic-device.ts; a file: fcopy-transfer.ts; bytes: protocol/fcopy.ts.

import { types } from 'node:util';
import { checkFlag, checkInteger, checkObject } from '../../check.js';
import { invalidType } from '../../errors.js';
import {
  encodeFcopy,
  FcopyFlag,
  type FcopyRequest,
  type FcopyStart,
  fcopyClass,
  fcopyInstance,
} from '../../protocol/fcopy.js';
import { IcType, icVersion } from '../../protocol/ic.js';
import { type FcopyEvent, type FcopyProgress, type FileToSend, orAborted, transfer } from './fcopy-transfer.js';
import { checkIcLimits, IcDevice, type IcLimits, type IcOptions, type IcProvider, icOptions } from './ic-device.js';
import { checkDone } from './ic-errors.js';

export type { FcopyEvent, FcopyProgress } from './fcopy-transfer.js';

/** Options of {@link fcopy}. */
export type FcopyOptions = IcOptions;

/** What to send: all at once, or piece by piece. */
export type FcopySource = Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Where a file shall be in the guest, and how it gets there. */
export interface FcopySendOptions {
  /** Folder in the guest; at most 259 UTF-16 units. With `createPath` it gets a slash at its end: Linux's daemon makes what a slash follows. */
  readonly path: string;
  /** Name of the file; at most 259 UTF-16 units. Guests should refuse one with slashes. */
  readonly name: string;
  /** Whether a file that is there may be replaced. Default false: the guest answers fileExists. */
  readonly overwrite?: boolean;
  /** Whether folders that are missing shall be made. Default false. */
  readonly createPath?: boolean;
  /** Bytes of the source; needed where it comes piece by piece, as the guest is told before the first piece. */
  readonly sizeBytes?: number;
  /** Told after each piece that the guest has taken. */
  readonly onProgress?: (progress: FcopyProgress) => void;
  /** Ends the transfer: rejects at once, and the guest is told to cancel. */
  readonly signal?: AbortSignal;
}

/** A file copy device. */
export interface FcopyProvider extends IcProvider<FcopyEvent> {
  /**
   * Sends a file; after those that are being sent. Resolves when the guest has completed it, with its size.
   * @throws VmbusError ERR_VMBUS_REFUSED (its facts hold the status: fileExists, diskFull, …), _CLOSED, _RESCINDED, _UNSUPPORTED,
   * _TIMEOUT, _PROTOCOL; the signal's reason; what the source throws; TypeError, RangeError for a source of another size
   */
  send(source: FcopySource, options: FcopySendOptions): Promise<number>;
}

/** Names of the options of {@link fcopy}. */
export const fcopyOptions: readonly (keyof FcopyOptions)[] = icOptions;

/**
 * A file copy device.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE
 * @example
 * const files = fcopy();
 * await using host = await SimulatedHost.start({ devices: [files] });
 * await files.ready({ timeoutMs: 60_000 });
 * await files.send(createReadStream('disk.img'), {
 *   path: '/var/tmp',
 *   name: 'disk.img',
 *   sizeBytes: statSync('disk.img').size,
 *   overwrite: true,
 *   onProgress: ({ sentBytes, sizeBytes }) => console.log(`${Math.round((100 * sentBytes) / sizeBytes)} %`),
 *   signal: AbortSignal.timeout(60_000),
 * });
 */
export function fcopy(options: FcopyOptions = {}): FcopyProvider {
  return new FcopyDevice(definition, options, fcopyOptions);
}

const definition = {
  name: 'fcopy',
  classGuid: fcopyClass,
  instanceGuid: fcopyInstance,
  type: IcType.fcopy,
  versions: [icVersion(1, 1)],
  silenceHint: 'in the guest: pgrep -a hv_fcopy (a daemon, or a program that holds the device, must answer)',
};

/** Kernels with a driver of their own answer with a failure after 30 s. */
const answerMs = 40_000;

class FcopyDevice extends IcDevice<FcopyEvent> implements FcopyProvider {
  /** Settles when no file is on its way: the guest has one open at a time. */
  #idle: Promise<unknown> = Promise.resolve();

  send(source: FcopySource, options: FcopySendOptions): Promise<number> {
    const before = this.#idle;
    const sending = this.#send(source, options, before);
    this.#idle = sending.then(ignore, ignore).then(() => before);
    return sending;
  }

  async #send(source: FcopySource, options: FcopySendOptions, before: Promise<unknown>): Promise<number> {
    const file = checkFile(source, options);
    file.signal?.throwIfAborted();
    await orAborted(before, file.signal);
    return transfer(file, {
      ask: (request, limits, onSent) => this.#ask(request, limits, onSent),
      tell: (event) => this.tell(event),
    });
  }

  #ask(request: FcopyRequest, limits: IcLimits, onSent?: () => void): Promise<void> {
    const what = request.kind;
    const encode = (): Uint8Array => {
      onSent?.();
      return encodeFcopy(request);
    };
    // A cancel has no clock: it may have to wait until the guest has answered what was given up.
    const clock = request.kind === 'cancel' ? {} : { answerMs };
    return this.request({ what, encode, decode: (answer) => checkDone('fcopy', what, answer), ...clock }, limits);
  }
}

function ignore(): void {}

/** @throws TypeError, RangeError */
function checkFile(source: FcopySource, options: FcopySendOptions): FileToSend {
  checkObject(options, 'options', 'an object with path and name');
  const { path, name, overwrite, createPath, sizeBytes, onProgress, ...limits } = options;
  checkIcLimits(limits);
  checkFlag(overwrite, 'options.overwrite');
  checkFlag(createPath, 'options.createPath');
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw invalidType('options.onProgress', 'a function', onProgress);
  const isWhole = types.isUint8Array(source);
  if (!isWhole && !isIterable(source)) throw invalidType('source', 'a Uint8Array, or an iterable of them', source);
  const bytes = sizeBytes ?? (isWhole ? source.length : undefined);
  checkInteger(bytes, 'options.sizeBytes', 0, Number.MAX_SAFE_INTEGER);
  const flags = (overwrite ? FcopyFlag.overwrite : 0) | (createPath ? FcopyFlag.createPath : 0);
  const folder = createPath && typeof path === 'string' && !path.endsWith('/') ? `${path}/` : path;
  const start: FcopyStart = { kind: 'start', name, path: folder, flags, sizeBytes: BigInt(bytes) };
  encodeFcopy(start);
  return { start, source: isWhole ? [source] : source, sizeBytes: bytes, onProgress, signal: limits.signal };
}

/** Texts are iterables, too. */
function isIterable(source: unknown): boolean {
  return typeof source === 'object' && source !== null && (Symbol.asyncIterator in source || Symbol.iterator in source);
}
