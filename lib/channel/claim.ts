// SPDX-License-Identifier: MIT
//
// Who has a channel: the thread that owns the device, or one that it was lent to. One word of common memory per channel.
// Called by: lease.ts, channel-core.ts, attach.ts.
// 0 = at home; an even number = offered to whoever holds that ticket; the odd number after it = attached with that ticket.

const home = 0;

/** The word of one channel. Tickets are never reused, so that a late thread can't take what was lent to another. */
export class Claim {
  readonly memory: SharedArrayBuffer;
  readonly #word: Int32Array;
  #ticket = 0;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.memory = memory;
    this.#word = new Int32Array(memory);
  }

  get isHome(): boolean {
    // Asked before every send: what was never offered needs no look at common memory.
    return this.#ticket === 0 || Atomics.load(this.#word, 0) === home;
  }

  /** Offers the channel to another thread. Null while one has it. */
  offer(): number | null {
    const ticket = this.#ticket + 2;
    if (Atomics.compareExchange(this.#word, 0, home, ticket) !== home) return null;
    this.#ticket = ticket;
    return ticket;
  }

  /** Takes an offer, once. */
  take(ticket: number): boolean {
    return Atomics.compareExchange(this.#word, 0, ticket, ticket + 1) === ticket;
  }

  /** Whether the channel is still lent on this ticket. */
  isHeldOn(ticket: number): boolean {
    return Atomics.load(this.#word, 0) === ticket + 1;
  }

  /** The borrower is through. */
  giveBack(ticket: number): void {
    Atomics.compareExchange(this.#word, 0, ticket + 1, home);
  }

  /** The owner takes it, whoever has it. */
  reclaim(): void {
    Atomics.store(this.#word, 0, home);
  }
}
