// SPDX-License-Identifier: MIT
//
// The guest's half of file copy, whatever carries it: requests in, statuses out, files to whoever iterates.
// Called by: transports.ts (requests), ../fcopy.ts (files). Requests come one at a time, and each is answered in time: kernels
// with a driver of their own tell the host after 30 s that it failed, and what is answered then is lost.

import { VmbusError } from '../../errors.js';
import type { FcopyRequest, FcopyStart } from '../../protocol/fcopy.js';
import { IcStatus } from '../../protocol/ic.js';
import { within } from '../../within.js';
import { ArrivingCopy } from './arriving-copy.js';
import { givenUp, secondStart, serviceGone, statusOf, tooLate } from './errors.js';
import type { IncomingFile } from './types.js';

interface Waiter {
  resolve(result: IteratorResult<IncomingFile>): void;
  reject(error: unknown): void;
}

/** The service's state: at most one file. */
export class Receiver implements AsyncIterator<IncomingFile> {
  readonly #answerMs: number;
  #current: ArrivingCopy | null = null;
  /** Announced and not fetched yet. */
  #news: ArrivingCopy | null = null;
  readonly #waiters: Waiter[] = [];
  /** Sinks that are being discarded. */
  readonly #discards = new Set<Promise<void>>();
  #end: { readonly error?: unknown } | null = null;

  constructor(answerMs: number) {
    this.#answerMs = answerMs;
  }

  /** Answers a request. Never rejects. @param decode Makes the request of its bytes @param signal Aborted when nobody waits */
  async answer(decode: () => FcopyRequest, signal: AbortSignal): Promise<number> {
    const onAbort = (): void => this.interrupt(serviceGone());
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await this.#serve(decode());
    } catch (error) {
      // A request that is none ends the file as well: who knows what it was to be.
      await this.#drop(error as Error);
      return statusOf(error);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** The file on its way ends. */
  interrupt(error: Error): void {
    void this.#drop(error);
  }

  /** No file comes any more. Resolves when nothing is left of the last one. */
  async finish(reason: Error, error?: unknown): Promise<void> {
    this.interrupt(reason);
    this.#end ??= error === undefined ? {} : { error };
    const first = this.#waiters.shift();
    if (error === undefined) first?.resolve({ done: true, value: undefined });
    else first?.reject(error);
    if (first) this.#end = {};
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
    await Promise.all(this.#discards);
  }

  next(): Promise<IteratorResult<IncomingFile>> {
    const file = this.#news;
    this.#news = null;
    if (file?.isOpen) return Promise.resolve({ done: false, value: file });
    if (this.#end === null) return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
    const { error } = this.#end;
    this.#end = {};
    return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
  }

  /** Who stops iterating leaves the service open: somebody else may go on. */
  return(): Promise<IteratorResult<IncomingFile>> {
    return Promise.resolve({ done: true, value: undefined });
  }

  async #serve(request: FcopyRequest): Promise<number> {
    switch (request.kind) {
      case 'start':
        return this.#start(request);
      case 'write':
        await this.#inTime('writing', (file) => file.take(request.data, request.offset));
        return IcStatus.done;
      case 'complete':
        await this.#inTime('completing', (file) => file.finish());
        this.#current = null;
        return IcStatus.done;
      case 'cancel':
        // As kernels do for the host when the machine hibernates, whether there is a file or not.
        await this.#drop(givenUp());
        return IcStatus.done;
      default:
        return request satisfies never;
    }
  }

  async #start(start: FcopyStart): Promise<number> {
    if (this.#current) throw secondStart();
    if (start.sizeBytes > BigInt(Number.MAX_SAFE_INTEGER)) return IcStatus.fileTooLarge;
    const file = new ArrivingCopy(start);
    this.#current = file;
    const waiter = this.#waiters.shift();
    if (waiter) waiter.resolve({ done: false, value: file });
    else this.#news = file;
    const status = await this.#within('deciding', () => file.decided);
    if (status !== IcStatus.done) this.#forget(file);
    return status;
  }

  /** A step of the file that arrives. */
  async #inTime(what: string, step: (file: ArrivingCopy) => Promise<void>): Promise<void> {
    const file = this.#current;
    if (!file?.isArriving) throw new VmbusError('ERR_VMBUS_PROTOCOL', 'fcopy: no file has begun', {});
    await this.#within(what, () => step(file), file.signal);
  }

  /** What the work gives; or an error when it takes too long, or the signal's reason. */
  #within<T>(what: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return within({ signal, timeoutMs: this.#answerMs }, work, (ms) => tooLate(what, ms));
  }

  /** Ends the file; resolves when nothing is left of it, unless it is stuck. */
  async #drop(error: Error): Promise<void> {
    const file = this.#current;
    if (!file) return;
    this.#forget(file);
    file.end(error);
    const { discarded } = file;
    this.#discards.add(discarded);
    void discarded.then(() => this.#discards.delete(discarded));
    if (VmbusError.is(error) && error.code === 'ERR_VMBUS_TIMEOUT') return;
    await this.#within('discarding', () => discarded).catch(() => undefined);
  }

  #forget(file: ArrivingCopy): void {
    if (this.#current === file) this.#current = null;
    if (this.#news === file) this.#news = null;
  }
}
