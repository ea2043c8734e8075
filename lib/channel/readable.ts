// SPDX-License-Identifier: MIT
//
// `readable()`: waits until a drain has something to show.
// Called by: opened-channel.ts. Calls: inbox.ts.

import { Limit } from '../limit.js';
import type { Waiter } from './inbox.js';
import type { Reading } from './inbox-iterator.js';

/**
 * True when there is something, false when the script closed the channel.
 * @throws VmbusError ERR_VMBUS_BUSY while another reader is there; why the channel ended; the signal's reason
 */
export function readable(reading: Reading, channel: object, signal: AbortSignal | undefined): Promise<boolean> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const waiter = new ReadableWait(reading, channel);
    reading.slot.take(waiter, 'readable()');
    waiter.start({ resolve, reject }, signal);
  });
}

interface Turn {
  resolve(found: boolean): void;
  reject(error: unknown): void;
}

class ReadableWait implements Waiter {
  readonly #reading: Reading;
  // The channel object; as long as somebody waits for it, it is not forgotten.
  protected readonly channel: object;
  #turn: Turn | null = null;
  #limit: Limit | null = null;

  constructor(reading: Reading, channel: object) {
    this.#reading = reading;
    this.channel = channel;
  }

  start(turn: Turn, signal: AbortSignal | undefined): void {
    this.#turn = turn;
    if (this.#look()) return;
    if (signal !== undefined) this.#limit = new Limit({ signal }, (reason) => this.#stop().reject(reason));
    this.#reading.inbox.wait(this);
  }

  ready(): void {
    if (!this.#look()) this.#reading.inbox.wait(this);
  }

  // True when the wait is over.
  #look(): boolean {
    const look = this.#reading.inbox.look();
    if (look === 'empty' || look === 'later') return false;
    const { ending } = this.#reading;
    const turn = this.#stop();
    if (look === 'ended' && ending !== null && ending.by !== 'user') turn.reject(ending.error);
    else turn.resolve(look === 'ready');
    return true;
  }

  #stop(): Turn {
    this.#limit?.clear();
    this.#reading.inbox.stopWaiting(this);
    this.#reading.slot.release(this);
    return this.#turn as Turn;
  }
}
