// SPDX-License-Identifier: MIT
//
// One file of the host, from its announcement to its end: what was decided, what has come, and whether it may go on.
// Called by: receiver.ts, and by scripts through IncomingFile.
// Invariant: a sink that was handed over ends with complete() or with discard(), once.

import { invalidType } from '../../errors.js';
import type { FcopyStart } from '../../protocol/fcopy.js';
import { FcopyFlag } from '../../protocol/fcopy.js';
import { IcStatus } from '../../protocol/ic.js';
import { decidedBefore, outOfOrder, statusOf, tooLittle, tooMuch } from './errors.js';
import type { FileCopySink, IncomingFile } from './types.js';

/** A file on its way. */
export class ArrivingCopy implements IncomingFile {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly overwrite: boolean;
  readonly createPath: boolean;
  /** What the host is told of its announcement. */
  readonly decided: Promise<number>;
  readonly #abort = new AbortController();
  readonly #outcome: Promise<number>;
  #decide: (status: number) => void = () => undefined;
  #resolve: (bytes: number) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  #phase: 'announced' | 'arriving' | 'complete' | 'over' = 'announced';
  #error: Error | null = null;
  #sink: FileCopySink | null = null;
  #discarded: Promise<void> = Promise.resolve();
  #receivedBytes = 0;

  /** @param start With a size that a number can hold */
  constructor(start: FcopyStart) {
    this.name = start.name;
    this.path = start.path;
    this.sizeBytes = Number(start.sizeBytes);
    this.overwrite = (start.flags & FcopyFlag.overwrite) !== 0;
    this.createPath = (start.flags & FcopyFlag.createPath) !== 0;
    this.decided = new Promise((resolve) => {
      this.#decide = resolve;
    });
    this.#outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever does not wait for the outcome is told by the sink and by the signal.
    this.#outcome.catch(() => undefined);
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether nobody has said yet what becomes of it. */
  get isOpen(): boolean {
    return this.#phase === 'announced';
  }

  /** Whether pieces of it can come. */
  get isArriving(): boolean {
    return this.#phase === 'arriving';
  }

  /** Settles when nothing of a file that ended is left. Never rejects. */
  get discarded(): Promise<void> {
    return this.#discarded;
  }

  async accept(sink: FileCopySink): Promise<number> {
    checkSink(sink);
    if (this.#phase !== 'announced') {
      const error = this.#error ?? decidedBefore();
      if (sink !== this.#sink) await sink.discard(error);
      throw error;
    }
    this.#phase = 'arriving';
    this.#sink = sink;
    this.#decide(IcStatus.done);
    return this.#outcome;
  }

  reject(reason: string | Error): boolean {
    if (typeof reason !== 'string' && !(reason instanceof Error))
      throw invalidType('reason', 'a text or an error', reason);
    if (this.#phase !== 'announced') return false;
    this.end(typeof reason === 'string' ? new Error(reason) : reason);
    return true;
  }

  /** The next piece. @throws VmbusError ERR_VMBUS_PROTOCOL; what the sink throws */
  async take(data: Uint8Array, offset: bigint): Promise<void> {
    const at = this.#receivedBytes;
    if (offset !== BigInt(at)) throw outOfOrder(offset, at);
    if (at + data.length > this.sizeBytes) throw tooMuch(at + data.length, this.sizeBytes);
    await this.#sink?.write(data, at);
    this.#receivedBytes = at + data.length;
  }

  /** The host says that it was all. @throws VmbusError ERR_VMBUS_PROTOCOL; what the sink throws */
  async finish(): Promise<void> {
    if (this.#receivedBytes !== this.sizeBytes) throw tooLittle(this.#receivedBytes, this.sizeBytes);
    await this.#sink?.complete();
    if (this.#phase !== 'arriving') return;
    this.#phase = 'complete';
    this.#resolve(this.#receivedBytes);
  }

  /** Nothing comes of it. Does nothing at its end. */
  end(error: Error): void {
    if (this.#phase === 'complete' || this.#phase === 'over') return;
    this.#phase = 'over';
    this.#error = error;
    const sink = this.#sink;
    if (sink) this.#discarded = discard(sink, error);
    this.#decide(statusOf(error));
    this.#abort.abort(error);
    this.#reject(error);
  }
}

/** What goes wrong with it is nobody's business any more: the error that ended the file is told already. */
async function discard(sink: FileCopySink, error: Error): Promise<void> {
  try {
    await sink.discard(error);
  } catch {
    // As above.
  }
}

function checkSink(sink: unknown): asserts sink is FileCopySink {
  const methods: readonly (keyof FileCopySink)[] = ['write', 'complete', 'discard'];
  const isSink =
    typeof sink === 'object' &&
    sink !== null &&
    methods.every((name) => typeof (sink as Record<string, unknown>)[name] === 'function');
  if (!isSink) throw invalidType('sink', 'an object with write, complete and discard', sink);
}
