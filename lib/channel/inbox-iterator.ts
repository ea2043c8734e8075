// SPDX-License-Identifier: MIT
//
// The async iterators over an inbox, by hand: `next()` answers a settled promise as long as there is something to give.
// Called by: opened-channel.ts. Calls: inbox.ts, reader-slot.ts.

import type { Inbox, Waiter } from './inbox.js';
import { PacketTaker } from './packet.js';
import { StoreBatch } from './packet-batch.js';
import type { ReaderSlot } from './reader-slot.js';
import type { Store } from './store.js';
import type { CloseReason, Packet, PacketBatch } from './types.js';

/** What an iterator reads, and whom it keeps from being collected meanwhile. */
export interface Reading {
  readonly inbox: Inbox;
  readonly slot: ReaderSlot;
  readonly ending: CloseReason | null;
}

interface Turn<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: unknown): void;
}

abstract class InboxIterator<T> implements AsyncIterableIterator<T, undefined>, Waiter {
  readonly #reading: Reading;
  // The channel object; as long as somebody iterates it, it is not forgotten.
  protected readonly channel: object;
  readonly #turns: Turn<T>[] = [];
  #isDone = false;

  constructor(reading: Reading, channel: object, what: string) {
    reading.slot.take(this, what);
    this.#reading = reading;
    this.channel = channel;
  }

  /** Takes from the store at the front, which has something; what `next()` answers. */
  protected abstract take(store: Store): Promise<IteratorResult<T, undefined>>;
  /** The script is through with what it got last. */
  protected abstract settle(): void;

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const result = this.#turns.length === 0 ? this.#step() : null;
    if (result !== null) return result;
    return new Promise((resolve, reject) => {
      this.#turns.push({ resolve, reject });
      if (this.#turns.length === 1) this.#reading.inbox.wait(this);
    });
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#finish();
    for (const turn of this.#turns.splice(0)) turn.resolve({ value: undefined, done: true });
    return Promise.resolve({ value: undefined, done: true });
  }

  throw(error?: unknown): Promise<IteratorResult<T, undefined>> {
    void this.return();
    return Promise.reject(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** The inbox says: look again. */
  ready(): void {
    for (let turn = this.#turns[0]; turn !== undefined; turn = this.#turns[0]) {
      const result = this.#step();
      if (result === null) {
        this.#reading.inbox.wait(this);
        return;
      }
      this.#turns.shift();
      result.then(turn.resolve, turn.reject);
    }
  }

  // The next result, or null when there is none yet.
  #step(): Promise<IteratorResult<T, undefined>> | null {
    if (this.#isDone) return Promise.resolve({ value: undefined, done: true });
    this.settle();
    const { inbox } = this.#reading;
    const store = inbox.front();
    if (store !== null) return this.#take(inbox, store);
    switch (inbox.look()) {
      case 'ready':
        return this.#take(inbox, inbox.front() as Store);
      case 'ended':
        return this.#end();
      case 'empty':
      case 'later':
        return null;
    }
  }

  #take(inbox: Inbox, store: Store): Promise<IteratorResult<T, undefined>> {
    const result = this.take(store);
    if (store.unread === 0) inbox.consumed();
    return result;
  }

  #end(): Promise<IteratorResult<T, undefined>> {
    const { ending } = this.#reading;
    this.#finish();
    if (ending === null || ending.by === 'user') return Promise.resolve({ value: undefined, done: true });
    return Promise.reject(ending.error);
  }

  #finish(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.settle();
    this.#reading.inbox.stopWaiting(this);
    this.#reading.slot.release(this);
  }
}

/** Packet by packet. */
export class PacketIterator extends InboxIterator<Packet> {
  readonly #taker = new PacketTaker();

  constructor(reading: Reading, channel: object) {
    super(reading, channel, 'a for await loop');
  }

  protected override take(store: Store): Promise<IteratorResult<Packet, undefined>> {
    return Promise.resolve({ value: this.#taker.take(store), done: false });
  }

  protected override settle(): void {}
}

interface BatchResult {
  readonly store: Store;
  readonly batch: StoreBatch;
  readonly answer: Promise<IteratorResult<PacketBatch, undefined>>;
}

function batchResult(store: Store): BatchResult {
  const batch = new StoreBatch(store);
  return { store, batch, answer: Promise.resolve(Object.freeze({ value: batch, done: false })) };
}

/** Batch by batch: what one drain brought. */
export class BatchIterator extends InboxIterator<PacketBatch> {
  #batch: StoreBatch | null = null;
  // The batch of the last store, and the answer with it: the next drain fills the same store, usually.
  #result: BatchResult | null = null;

  constructor(reading: Reading, channel: object) {
    super(reading, channel, 'a loop over batches()');
  }

  protected override take(store: Store): Promise<IteratorResult<PacketBatch, undefined>> {
    if (this.#result?.store !== store) this.#result = batchResult(store);
    this.#batch = this.#result.batch.lend();
    return this.#result.answer;
  }

  protected override settle(): void {
    this.#batch?.giveBack();
    this.#batch = null;
  }
}
