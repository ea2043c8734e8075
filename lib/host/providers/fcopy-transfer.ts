// SPDX-License-Identifier: MIT
//
// One file on its way to the guest: start, pieces, complete; and cancel, whatever ended it in between.
// Called by: fcopy.ts.

import { types } from 'node:util';
import { invalidType, outOfRange, VmbusError } from '../../errors.js';
import { type FcopyRequest, type FcopyStart, fcopyPieceBytes } from '../../protocol/fcopy.js';
import type { IcLimits } from './ic-pending.js';

/** How far a transfer is. */
export interface FcopyProgress {
  /** Bytes that the guest has taken. */
  readonly sentBytes: number;
  readonly sizeBytes: number;
}

/** What a file copy device tells, besides its states. */
export type FcopyEvent =
  | { readonly kind: 'started' | 'completed'; readonly name: string }
  /** The guest was told to forget the file, because of `error`, and answered. */
  | { readonly kind: 'cancelled'; readonly name: string; readonly error: unknown };

/** A file, checked. */
export interface FileToSend {
  readonly start: FcopyStart;
  readonly source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly sizeBytes: number;
  readonly onProgress: ((progress: FcopyProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** What a transfer does with its device. */
export interface TransferDesk {
  /** Resolves when the guest has done it. `onSent` is called when it is asked. */
  ask(request: FcopyRequest, limits: IcLimits, onSent?: () => void): Promise<void>;
  tell(event: FcopyEvent): void;
}

/** Sends a file. Resolves with its size when the guest has it. */
export async function transfer(file: FileToSend, desk: TransferDesk): Promise<number> {
  const { start, signal } = file;
  const limits: IcLimits = signal ? { signal } : {};
  let mayBeOpen = false;
  try {
    await desk.ask(start, limits, () => {
      mayBeOpen = true;
    });
    desk.tell({ kind: 'started', name: start.name });
    await sendPieces(file, (request) => desk.ask(request, limits));
    await desk.ask({ kind: 'complete' }, limits);
  } catch (error) {
    const isRefusedStart = isRefusal(error) && error.facts.operation === 'start';
    if (mayBeOpen && !isRefusedStart) cancel(start.name, error, desk);
    throw error;
  }
  desk.tell({ kind: 'completed', name: start.name });
  return file.sizeBytes;
}

async function sendPieces(file: FileToSend, ask: (request: FcopyRequest) => Promise<void>): Promise<void> {
  const { sizeBytes, onProgress, signal } = file;
  let sentBytes = 0;
  const pieces = piecesOf(file.source);
  try {
    for (;;) {
      const { done, value: data } = await orAborted(pieces.next(), signal);
      if (done) break;
      if (sentBytes + data.length > sizeBytes) throw wrongSize(sizeBytes, 'more');
      await ask({ kind: 'write', offset: BigInt(sentBytes), data });
      sentBytes += data.length;
      onProgress?.({ sentBytes, sizeBytes });
    }
  } finally {
    // Not awaited: a source that is stuck must not hold up the one who gave up.
    pieces.return(undefined).catch(() => undefined);
  }
  if (sentBytes < sizeBytes) throw wrongSize(sizeBytes, 'fewer');
}

/** Pieces as large as a message takes; only the last is smaller. */
async function* piecesOf(source: FileToSend['source']): AsyncGenerator<Uint8Array, undefined> {
  let piece = new Uint8Array(fcopyPieceBytes);
  let filled = 0;
  for await (const chunk of source) {
    if (!types.isUint8Array(chunk)) throw invalidType('source', 'made of Uint8Arrays', chunk);
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + fcopyPieceBytes - filled);
      piece.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < fcopyPieceBytes) continue;
      yield piece;
      piece = new Uint8Array(fcopyPieceBytes);
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
  return undefined;
}

/** Behind whatever the guest owes; nobody waits for it. */
function cancel(name: string, error: unknown, desk: TransferDesk): void {
  const done = (): void => desk.tell({ kind: 'cancelled', name, error });
  // Linux's daemon answers with a failure; a closed channel has nothing to cancel.
  desk.ask({ kind: 'cancel' }, {}).then(done, (failure: unknown) => {
    if (isRefusal(failure)) done();
  });
}

/** The promise, or the signal's reason as soon as it is aborted. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  signal.throwIfAborted();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
  });
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function isRefusal(error: unknown): error is VmbusError {
  return VmbusError.is(error) && error.code === 'ERR_VMBUS_REFUSED';
}

function wrongSize(sizeBytes: number, what: string): RangeError {
  return outOfRange('source', `${sizeBytes} bytes, as announced`, `${what} bytes`);
}
