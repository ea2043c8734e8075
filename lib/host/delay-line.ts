// SPDX-License-Identifier: MIT
//
// Packets held back for a while, in order: the delay fault.
// Called by: host-outbox.ts.

import type { HostSendOptions } from './types.js';

/** A packet on its way. */
export interface DelayedPacket {
  readonly payload: Uint8Array;
  readonly options: HostSendOptions;
  /** When it is due, by `performance.now()`. */
  readonly due: number;
}

/** More than this and the sender is told that the ring is full. */
const mostPackets = 65_536;
/** How long to wait after the ring was found full. */
const retryMs = 5;

/** A queue with a delay. */
export class DelayLine {
  readonly #write: (packet: DelayedPacket) => boolean;
  readonly #packets: DelayedPacket[] = [];
  #delayMs = 0;
  #timer: NodeJS.Timeout | null = null;

  /** @param write Sends one packet; false when there is no room for it now. */
  constructor(write: (packet: DelayedPacket) => boolean) {
    this.#write = write;
  }

  /** Packets are to be held back, or some still are. */
  get isActive(): boolean {
    return this.#delayMs > 0 || this.#packets.length > 0;
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Copies a packet and keeps it. False when there are too many. */
  push(payload: Uint8Array, options: HostSendOptions): boolean {
    if (this.#packets.length >= mostPackets) return false;
    const header = options.header && { header: Uint8Array.from(options.header) };
    const due = performance.now() + this.#delayMs;
    this.#packets.push({ payload: Uint8Array.from(payload), options: { ...options, ...header }, due });
    this.#timer ??= setTimeout(this.#run, this.#delayMs);
    return true;
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#packets.length = 0;
  }

  readonly #run = (): void => {
    this.#timer = null;
    const now = performance.now();
    let sent = 0;
    for (const packet of this.#packets) {
      if (packet.due > now || !this.#write(packet)) break;
      sent += 1;
    }
    this.#packets.splice(0, sent);
    const next = this.#packets[0];
    if (next) this.#timer = setTimeout(this.#run, Math.max(retryMs, next.due - performance.now()));
  };
}
