// SPDX-License-Identifier: MIT
//
// What goes to the guest on one channel, in order: packets wait here while the ring is full.
// Called by: queue-session.ts, section-sender.ts.

import type { HostChannel, HostSendOptions } from '../../types.js';
import { Fifo } from './fifo.js';

const completionType = 11;

/** The sending half of one channel. */
export class ChannelWriter {
  readonly #channel: HostChannel;
  readonly #waiting = new Fifo<{ readonly payload: Uint8Array; readonly options: HostSendOptions }>();

  constructor(channel: HostChannel) {
    this.#channel = channel;
  }

  /** Packets that the ring had no room for. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Sends now or later. The bytes must not be changed any more. */
  send(payload: Uint8Array, options: HostSendOptions = {}): void {
    if (this.#waiting.length === 0 && this.#channel.send(payload, options)) return;
    if (this.#channel.isOpen) this.#waiting.push({ payload, options });
  }

  complete(transactionId: bigint, payload: Uint8Array): void {
    this.send(payload, { type: completionType, transactionId });
  }

  /** The ring has room again. True when nothing waits any more. */
  flush(): boolean {
    for (let next = this.#waiting.first; next; next = this.#waiting.first) {
      if (!this.#channel.send(next.payload, next.options)) return false;
      this.#waiting.shift();
    }
    return true;
  }

  close(): void {
    this.#waiting.clear();
  }
}
