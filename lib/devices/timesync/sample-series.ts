// SPDX-License-Identifier: MIT
//
// Turns the host's messages into samples: what each says about this guest's clock, and how far the host's own clock jumped.
// Called by ../timesync.ts. Clocks are handed in, so that tests need no waiting.
//
// From 4.0 on a message names the moment of its time on the partition's reference counter. User space cannot read that counter,
// but it runs as evenly as the monotonic clock: their difference is the same each time, but for what a message took on its way.
// The least one seen is the quickest message; what another has more is its delay.

import { TimesyncFlag, type TimesyncMessage, unixOfHostTime } from '../../protocol/timesync.js';
import type { TimeSample } from './types.js';

/** This guest's clocks. */
export interface GuestClocks {
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Nanoseconds of a clock that nobody sets. */
  monotonicNs(): bigint;
}

/** What the host can mean in earnest, in milliseconds since 1970. */
export interface TimeWindow {
  readonly earliestMs: number;
  readonly latestMs: number;
}

interface Before {
  readonly hostMs: number;
  readonly monotonicNs: bigint;
}

/** Messages whose delay is compared: a counter that drifts against our clock must not count for ever. */
const mostDelays = 64;

/** The samples of one service. */
export class SampleSeries {
  readonly #clocks: GuestClocks;
  readonly #window: TimeWindow;
  readonly #keep: number;
  readonly #kept: TimeSample[] = [];
  /** Monotonic clock minus reference counter of the last messages, in units of 100 ns. */
  readonly #delays: bigint[] = [];
  #before: Before | null = null;

  constructor(clocks: GuestClocks, window: TimeWindow, keep: number) {
    this.#clocks = clocks;
    this.#window = window;
    this.#keep = keep;
  }

  /** The last ones, the oldest first. */
  get kept(): readonly TimeSample[] {
    return [...this.#kept];
  }

  /** Takes a message. */
  take({ hostTime, referenceTime, flags, leap, stratum }: TimesyncMessage): TimeSample {
    const guestMs = this.#clocks.wallMs();
    const monotonicNs = this.#clocks.monotonicNs();
    const hostMs = Number(unixOfHostTime(hostTime)) / 1e4;
    const isPlausible = hostMs >= this.#window.earliestMs && hostMs <= this.#window.latestMs;
    const isSync = (flags & TimesyncFlag.sync) !== 0;
    // A host that begins anew has restored this machine, or moved it: its counter is another one.
    if (isSync) this.#delays.length = 0;
    const sample: TimeSample = {
      kind: isSync ? 'sync' : 'sample',
      hostMs,
      guestMs,
      offsetMs: guestMs - hostMs - this.#delayMs(referenceTime, monotonicNs),
      jumpMs:
        this.#before === null
          ? null
          : hostMs - this.#before.hostMs - Number(monotonicNs - this.#before.monotonicNs) / 1e6,
      referenceTime,
      leap,
      stratum,
      isPlausible,
    };
    if (isPlausible) this.#before = { hostMs, monotonicNs };
    this.#kept.push(sample);
    if (this.#kept.length > this.#keep) this.#kept.shift();
    return sample;
  }

  /** How much longer than the quickest a message took. */
  #delayMs(referenceTime: bigint | null, monotonicNs: bigint): number {
    if (referenceTime === null) return 0;
    const delay = monotonicNs / 100n - referenceTime;
    this.#delays.push(delay);
    if (this.#delays.length > mostDelays) this.#delays.shift();
    let quickest = delay;
    for (const one of this.#delays) if (one < quickest) quickest = one;
    return Number(delay - quickest) / 1e4;
  }
}
