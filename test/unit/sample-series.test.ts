// SPDX-License-Identifier: MIT
//
// What messages of the host say about this guest's clock, with clocks that are handed in.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type GuestClocks, SampleSeries } from '../../dist/devices/timesync/sample-series.js';
import { shutdownWay } from '../../dist/protocol/shutdown.js';
import { hostTimeOfUnix, TimesyncFlag, type TimesyncMessage } from '../../dist/protocol/timesync.js';

const window = { earliestMs: Date.UTC(2015, 0), latestMs: Date.UTC(2200, 0) };
const start = Date.UTC(2026, 10, 22);

/** A guest that is so far ahead of its host, and whose clocks go on as told. */
class Clocks implements GuestClocks {
  #passedMs = 0;
  readonly aheadMs: number;
  constructor(aheadMs: number) {
    this.aheadMs = aheadMs;
  }
  pass(ms: number): void {
    this.#passedMs += ms;
  }
  wallMs(): number {
    return start + this.aheadMs + this.#passedMs;
  }
  monotonicNs(): bigint {
    return 5_000_000_000n + BigInt(this.#passedMs) * 1_000_000n;
  }
}

/** The host's message at a time, on a counter that began at another moment than any clock of the guest. */
const message = (atMs: number, flags: number = TimesyncFlag.sample): TimesyncMessage => ({
  hostTime: hostTimeOfUnix(BigInt(start + atMs) * 10_000n),
  referenceTime: 77_000_000n + BigInt(atMs) * 10_000n,
  flags,
  leap: 0,
  stratum: 0,
});

describe('samples', () => {
  it('tell how far the guest is ahead, or behind', () => {
    assert.equal(new SampleSeries(new Clocks(1500), window, 8).take(message(0)).offsetMs, 1500);
    assert.equal(new SampleSeries(new Clocks(-3_600_000), window, 8).take(message(0)).offsetMs, -3_600_000);
  });

  it('do not take the time that a message waited for an offset', () => {
    const clocks = new Clocks(100);
    const series = new SampleSeries(clocks, window, 8);
    series.take(message(0));
    clocks.pass(5000);
    assert.equal(series.take(message(4800)).offsetMs, 100, 'it took 200 ms longer than the first');
    clocks.pass(5000);
    const old = new SampleSeries(new Clocks(100), window, 8);
    assert.equal(
      old.take({ ...message(-200), referenceTime: null }).offsetMs,
      300,
      'a message without a reference can not tell',
    );
  });

  it('begin anew with the counter of another host', () => {
    const clocks = new Clocks(0);
    const series = new SampleSeries(clocks, window, 8);
    series.take(message(0));
    clocks.pass(1000);
    const restored = { ...message(1000, TimesyncFlag.sync), referenceTime: 9n };

    const { kind, offsetMs } = series.take(restored);
    assert.deepEqual([kind, offsetMs], ['sync', 0]);
  });

  it('show a jump of the host, and one alone', () => {
    const clocks = new Clocks(0);
    const series = new SampleSeries(clocks, window, 8);
    assert.equal(series.take(message(0)).jumpMs, null);
    clocks.pass(5000);
    assert.equal(series.take(message(3_605_000)).jumpMs, 3_600_000);
    clocks.pass(5000);
    assert.equal(series.take(message(3_610_000)).jumpMs, 0);
  });

  it('outside of what a host can mean count for nothing', () => {
    const clocks = new Clocks(0);
    const series = new SampleSeries(clocks, window, 8);
    series.take(message(0));
    for (const hostTime of [0n, 0xffff_ffff_ffff_ffffn]) {
      const { isPlausible, offsetMs } = series.take({ ...message(0), hostTime });
      assert.deepEqual([isPlausible, Number.isFinite(offsetMs)], [false, true]);
    }
    clocks.pass(1000);
    assert.equal(series.take(message(1000)).jumpMs, 0);
  });

  it('are kept up to a number', () => {
    const series = new SampleSeries(new Clocks(0), window, 2);
    for (const at of [1, 2, 3]) series.take(message(at));

    assert.deepEqual(
      series.kept.map(({ hostMs }) => hostMs - start),
      [2, 3],
    );
  });
});

describe('flags of a shutdown', () => {
  it('mean one way down, or nothing', () => {
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5].map((flags) => shutdownWay(flags)),
      [
        { way: 'power-off', isForced: false },
        { way: 'power-off', isForced: true },
        { way: 'restart', isForced: false },
        { way: 'restart', isForced: true },
        { way: 'hibernate', isForced: false },
        { way: 'hibernate', isForced: true },
      ],
    );
    for (const flags of [6, 7, 8, 9, 0x10, 0x8000_0000, 0xffff_ffff])
      assert.equal(shutdownWay(flags), null, `${flags}`);
  });
});
