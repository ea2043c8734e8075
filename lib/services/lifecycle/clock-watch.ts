// SPDX-License-Identifier: MIT
//
// Notices that the clock was set and that the guest had been suspended, by comparing clocks once in a while: the wall clock with
// one that nobody sets, and that one with one that goes on in sleep.
// Called by lifecycle.ts. Polled: the kernel's own notice (TFD_TIMER_CANCEL_ON_SET) would need code outside Node, for a second's gain.

import { readFileSync } from 'node:fs';

/** The clocks of a guest, in milliseconds. */
export interface LifeClocks {
  wallMs(): number;
  /** Stands still in sleep. */
  monotonicMs(): number;
  /** Goes on in sleep; null where it can't be read. To 10 ms. */
  bootMs(): number | null;
}

/** What was noticed. */
export type ClockNews =
  | { readonly kind: 'resume'; readonly sleptMs: number }
  | { readonly kind: 'time-jump'; readonly jumpMs: number };

/** The clocks of this machine. */
export const lifeClocks: LifeClocks = {
  wallMs: () => Date.now(),
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  bootMs: () => {
    try {
      return Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1000;
    } catch {
      return null;
    }
  },
};

/** Shorter ones are what /proc/uptime rounds off. */
const leastSleepMs = 1000;

/** Compares clocks each time it is asked. */
export class ClockWatch {
  readonly #clocks: LifeClocks;
  readonly #leastJumpMs: number;
  #wallLead: number;
  #bootLead: number | null;

  constructor(clocks: LifeClocks, leastJumpMs: number) {
    this.#clocks = clocks;
    this.#leastJumpMs = leastJumpMs;
    [this.#wallLead, this.#bootLead] = this.#leads();
  }

  /** What happened since it was asked last. Sleep makes the wall clock go on, too: that is no jump. */
  look(): readonly ClockNews[] {
    const [wallLead, bootLead] = this.#leads();
    const gap = bootLead === null || this.#bootLead === null ? 0 : bootLead - this.#bootLead;
    const sleptMs = gap >= leastSleepMs ? gap : 0;
    const jumpMs = wallLead - this.#wallLead - sleptMs;
    const isJump = Math.abs(jumpMs) >= this.#leastJumpMs;
    // A clock that is turned slowly must not add up to a jump: what is small is taken as it is.
    this.#wallLead = wallLead;
    this.#bootLead = bootLead;
    return [
      ...(sleptMs > 0 ? [{ kind: 'resume' as const, sleptMs: Math.round(sleptMs) }] : []),
      ...(isJump ? [{ kind: 'time-jump' as const, jumpMs: Math.round(jumpMs) }] : []),
    ];
  }

  #leads(): [number, number | null] {
    const monotonicMs = this.#clocks.monotonicMs();
    const bootMs = this.#clocks.bootMs();
    return [this.#clocks.wallMs() - monotonicMs, bootMs === null ? null : bootMs - monotonicMs];
  }
}
