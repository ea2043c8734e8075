// SPDX-License-Identifier: MIT
//
// The way that packets to the guest take while a packet fault is on: some are lost, changed, turned round or held back.
// Called by: host-outbox.ts. Calls: delay-line.ts.

import { DelayLine } from './delay-line.js';
import type { HostPacket, HostSendOptions, PacketChange } from './types.js';

const inband = 6;
const completion = 11;
const none = new Uint8Array(0);

/** Faults of what is sent, in the order in which a packet meets them. */
export class Detour {
  readonly #line: DelayLine;
  #dropping = 0;
  #change: PacketChange | null = null;
  #reversing = 0;
  readonly #reversed: HostPacket[] = [];

  /** @param write Sends one packet; false when there is no room for it now. */
  constructor(write: (payload: Uint8Array, options: HostSendOptions) => boolean) {
    this.#line = new DelayLine(({ payload, options }) => write(payload, options));
  }

  /** Packets are to come this way, or some still are on it. */
  get isActive(): boolean {
    return this.#line.isActive || this.#dropping > 0 || this.#change !== null || this.#reversing > 0;
  }

  delay(ms: number): void {
    this.#line.delay(ms);
  }

  drop(count: number): void {
    this.#dropping = count;
  }

  alter(change: PacketChange | null): void {
    this.#change = change;
  }

  reverse(count: number): void {
    this.#reversing = count;
    if (count === 0) this.#release();
  }

  /** Takes a packet; it is copied. False when there are too many. */
  push(payload: Uint8Array, { type = inband, flags = 0, transactionId = 0n, header = none }: HostSendOptions): boolean {
    if (this.#dropping > 0) {
      this.#dropping -= 1;
      return true;
    }
    const packet = { type, flags, transactionId, header: Uint8Array.from(header), payload: Uint8Array.from(payload) };
    const changed = this.#change ? this.#change(packet) : packet;
    if (changed === null) return true;
    if (this.#reversing === 0 || changed.type !== completion) return this.#send(changed);
    this.#reversing -= 1;
    this.#reversed.push(changed);
    if (this.#reversing === 0) this.#release();
    return true;
  }

  close(): void {
    this.#line.close();
    this.#reversed.length = 0;
  }

  #release(): void {
    for (const packet of this.#reversed.splice(0).reverse()) this.#send(packet);
  }

  #send({ payload, ...options }: HostPacket): boolean {
    return this.#line.push(payload, options);
  }
}
