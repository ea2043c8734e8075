// SPDX-License-Identifier: MIT
//
// The reading side of a card in this thread: batches of all its queues in the order in which they came, for one reader.
// Called by: queue.ts (offers batches), nic.ts and attached-queue.ts (give the iterators to scripts).
// The reader sets the pace: while it is busy a few batches are received ahead, and after that frames wait at the host.

import { busyError, type ChannelName } from '../../channel/close-reasons.js';
import type { StoredBatch } from './frame-batch.js';
import type { FrameBatch, ReceivedFrame } from './types.js';

/** Batches that are taken one after the other before the event loop has its turn. */
const mostInOneTurn = 32;

/** Where batches come from. */
export interface BatchSource {
  /** Receives what there is, and offers it. */
  pump(): void;
  /** The reader is done with a batch of this source. */
  release(batch: StoredBatch): void;
}

type Result = IteratorResult<FrameBatch, undefined>;
const over: Result = { done: true, value: undefined };

export class FrameReader {
  readonly #name: ChannelName;
  readonly #sources = new Set<BatchSource>();
  readonly #ready: { readonly batch: StoredBatch; readonly source: BatchSource }[] = [];
  #held: { readonly batch: StoredBatch; readonly source: BatchSource } | null = null;
  #reader: BatchIterator | null = null;
  #waiter: { resolve: (result: Result) => void; reject: (error: unknown) => void } | null = null;
  #answer: Promise<Result> | null = null;
  #end: { readonly error: unknown } | null = null;
  #inTurn = 0;
  #wasRead = false;

  constructor(name: ChannelName) {
    this.#name = name;
  }

  /** Somebody reads. */
  get isRead(): boolean {
    return this.#reader !== null;
  }

  /** Frames are kept: somebody reads, or nobody has yet. */
  get isWanted(): boolean {
    return this.isRead || !this.#wasRead;
  }

  get isWaiting(): boolean {
    return this.#waiter !== null;
  }

  add(source: BatchSource): void {
    this.#sources.add(source);
  }

  remove(source: BatchSource): void {
    this.#sources.delete(source);
  }

  /** A batch came. Only while {@link isWanted}. */
  offer(batch: StoredBatch, source: BatchSource): void {
    const waiter = this.#waiter;
    if (waiter === null) {
      this.#ready.push({ batch, source });
      return;
    }
    this.#waiter = null;
    this.#held = { batch, source };
    waiter.resolve({ done: false, value: batch });
  }

  /** No more batches come; those that wait are still read, unless the script itself closed the card. */
  finish(error: unknown): void {
    if (this.#end !== null) return;
    this.#end = { error };
    if (error === undefined) this.#ready.length = 0;
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter !== null) this.#settle().then(waiter.resolve, waiter.reject);
  }

  /** @throws VmbusError ERR_VMBUS_BUSY */
  read(signal: AbortSignal | undefined): BatchIterator {
    if (this.#reader !== null) {
      throw busyError(this.#name, 'frames() reads its frames already', 'leave that loop first (break, or return())');
    }
    this.#wasRead = true;
    this.#reader = new BatchIterator(this, signal);
    return this.#reader;
  }

  /** @internal */
  next(): Promise<Result> {
    // Asked again before the last answer came: after it, in order.
    if (this.#waiter !== null && this.#answer !== null) return this.#answer.then(() => this.next());
    this.#giveBack();
    if (this.#ready.length === 0 && this.#end === null) for (const source of this.#sources) source.pump();
    const next = this.#ready.shift();
    if (next !== undefined) {
      this.#held = next;
      const result: Result = { done: false, value: next.batch };
      this.#inTurn += 1;
      if (this.#inTurn < mostInOneTurn) return Promise.resolve(result);
      return new Promise((resolve) => setImmediate(() => this.#newTurn(() => resolve(result))));
    }
    this.#inTurn = 0;
    if (this.#end !== null) return this.#settle();
    this.#answer = new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
    return this.#answer;
  }

  /** @internal The reader left. */
  leave(iterator: BatchIterator): void {
    if (this.#reader !== iterator) return;
    this.#reader = null;
    this.#giveBack();
    for (const { batch, source } of this.#ready.splice(0)) source.release(batch);
    this.#waiter?.resolve(over);
    this.#waiter = null;
  }

  #newTurn(go: () => void): void {
    this.#inTurn = 0;
    go();
  }

  #giveBack(): void {
    const held = this.#held;
    this.#held = null;
    held?.source.release(held.batch);
  }

  /** The end, once with its error. */
  #settle(): Promise<Result> {
    const error = this.#end?.error;
    this.#end = { error: undefined };
    this.#reader = null;
    return error === undefined ? Promise.resolve(over) : Promise.reject(error);
  }
}

/** Batches for a script. */
export class BatchIterator implements AsyncIterableIterator<FrameBatch, undefined> {
  readonly #reader: FrameReader;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#leave();
  #hasLeft = false;

  constructor(reader: FrameReader, signal: AbortSignal | undefined) {
    this.#reader = reader;
    this.#signal = signal;
    if (signal?.aborted) this.#hasLeft = true;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  next(): Promise<Result> {
    if (this.#hasLeft) {
      this.#leave();
      return Promise.resolve(over);
    }
    return this.#reader.next();
  }

  return(): Promise<Result> {
    this.#leave();
    return Promise.resolve(over);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #leave(): void {
    this.#hasLeft = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#reader.leave(this);
  }
}

/** One frame at a time, each with a copy of its own. */
export async function* framesOf(batches: BatchIterator): AsyncGenerator<ReceivedFrame, undefined> {
  for await (const batch of batches) yield* [...batch];
  return undefined;
}
