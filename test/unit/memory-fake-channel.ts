// SPDX-License-Identifier: MIT
//
// A channel without a ring, for tests of what is said over it: payloads in, payloads out, and the ends a channel can meet.

import type { Channel, CloseReason, Packet } from '../../dist/channel/types.js';
import { VmbusError } from '../../dist/errors.js';
import { parseGuid } from '../../dist/guid.js';

/** The parts of a channel that a message-based device uses. */
export class FakeChannel {
  readonly device = parseGuid('11111111-2222-3333-4444-555555555555');
  readonly relid = 7;
  /** Answers what the peer says to a payload, as a host would. */
  onSend: (payload: Uint8Array) => void = () => {};
  /** False = the ring is full for `trySend`. */
  hasSpace = true;
  isOpen = true;
  readonly sent: Uint8Array[] = [];
  readonly closed: Promise<CloseReason>;
  #resolveClosed: (reason: CloseReason) => void = () => {};
  readonly #inbox: Packet[] = [];
  #wake: () => void = () => {};
  #reason: CloseReason | null = null;

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  asChannel(): Channel {
    return this as unknown as Channel;
  }

  deliver(payload: Uint8Array, type = 6): void {
    this.#inbox.push({ type, payload, transactionId: 0n, wantsCompletion: false, header: new Uint8Array() });
    this.#wake();
  }

  rescind(): void {
    this.#end({ by: 'rescind', error: new VmbusError('ERR_VMBUS_RESCINDED', 'the host withdrew the device') });
  }

  async send(payload: Uint8Array): Promise<void> {
    if (!this.isOpen) throw this.#reason?.error ?? new VmbusError('ERR_VMBUS_CLOSED', 'the channel is closed');
    this.sent.push(Uint8Array.from(payload));
    this.onSend(payload);
  }

  trySend(payload: Uint8Array): boolean {
    if (!this.isOpen) throw this.#reason?.error ?? new VmbusError('ERR_VMBUS_CLOSED', 'the channel is closed');
    if (!this.hasSpace) return false;
    this.sent.push(Uint8Array.from(payload));
    this.onSend(payload);
    return true;
  }

  async close(): Promise<void> {
    this.#end({ by: 'user' });
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Packet> {
    for (;;) {
      const packet = this.#inbox.shift();
      if (packet) yield packet;
      else if (this.#reason?.error) throw this.#reason.error;
      else if (this.#reason) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  #end(reason: CloseReason): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.isOpen = false;
    this.#resolveClosed(reason);
    this.#wake();
  }
}
