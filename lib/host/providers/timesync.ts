// SPDX-License-Identifier: MIT
//
// The time synchronisation service: tells the guest the time, once to be taken at once, then as samples.
// Called by: scripts, by-name.ts. Frame and openings: ic-device.ts; bytes: protocol/timesync.ts.
//
// Versions from 4.0 on are not offered: there a guest adds to the host's time what its partition's reference counter has gone
// on since the message, and only the hypervisor under the guest can read that counter. A wrong value would set clocks wrong.

import { setTimeout as sleep } from 'node:timers/promises';
import { checkInteger } from '../../check.js';
import { invalidType, VmbusError } from '../../errors.js';
import { IcType, icVersion } from '../../protocol/ic.js';
import {
  encodeTimesync,
  hostTimeOfUnix,
  TimesyncFlag,
  timesyncClass,
  timesyncInstance,
} from '../../protocol/timesync.js';
import {
  checkIcLimits,
  checkMs,
  IcDevice,
  type IcLimits,
  type IcOptions,
  type IcProvider,
  icOptions,
} from './ic-device.js';
import { checkDone } from './ic-errors.js';

/** Options of {@link timesync}. */
export interface TimesyncOptions extends IcOptions {
  /** From an answer to the next sample; 0: none. Default 5000. */
  readonly sampleIntervalMs?: number;
  /** Added to the clock. Default 0. */
  readonly offsetMs?: number;
  /** Unix time in units of 100 ns. Default: this machine's. Does not survive JSON. */
  readonly clock?: () => bigint;
}

/** What a time synchronisation device tells, besides its states. */
export type TimesyncEvent =
  /** The guest took a time; in units of 100 ns. */
  | { readonly kind: 'sync' | 'sample'; readonly unixTime: bigint }
  /** The guest answered what the device sent by itself with a failure. */
  | { readonly kind: 'refused'; readonly error: VmbusError };

/** A time synchronisation device. */
export interface TimesyncProvider extends IcProvider<TimesyncEvent> {
  /**
   * Tells the guest to set its clock now. Resolves when it said that it did, with the time that it was told, in units of 100 ns
   * since 1970.
   * @throws VmbusError ERR_VMBUS_REFUSED, _CLOSED, _RESCINDED, _UNSUPPORTED, _TIMEOUT, _PROTOCOL; the signal's reason
   */
  sync(limits?: IcLimits): Promise<bigint>;
}

/** Names of the options of {@link timesync} that survive JSON. */
export const timesyncOptions: readonly (keyof TimesyncOptions)[] = ['sampleIntervalMs', 'offsetMs', ...icOptions];

/**
 * A time synchronisation device.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE
 * @example
 * const clock = timesync({ offsetMs: 3_600_000, sampleIntervalMs: 1000 });
 * await using host = await SimulatedHost.start({ devices: [clock] });
 * await clock.ready({ timeoutMs: 60_000 });
 * const told = await clock.sync();
 * console.log('the guest believes that it is', new Date(Number(told / 10_000n)));
 */
export function timesync(options: TimesyncOptions = {}): TimesyncProvider {
  return new TimesyncDevice(options);
}

const definition = {
  name: 'timesync',
  classGuid: timesyncClass,
  instanceGuid: timesyncInstance,
  type: IcType.timesync,
  versions: [icVersion(1, 0), icVersion(3, 0)],
  silenceHint: 'in the guest: ls /sys/bus/vmbus/drivers/hv_utils',
};
const answerMs = 30_000;
const hundredNsPerMs = 10_000n;

class TimesyncDevice extends IcDevice<TimesyncEvent> implements TimesyncProvider {
  readonly #sampleIntervalMs: number;
  readonly #now: () => bigint;

  constructor(options: TimesyncOptions) {
    super(definition, options, [...timesyncOptions, 'clock']);
    const { sampleIntervalMs = 5000, offsetMs = 0, clock = () => BigInt(Date.now()) * hundredNsPerMs } = options;
    checkMs(sampleIntervalMs, 'options.sampleIntervalMs');
    checkInteger(offsetMs, 'options.offsetMs', -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    if (typeof clock !== 'function') throw invalidType('options.clock', 'a function', clock);
    this.#sampleIntervalMs = sampleIntervalMs;
    this.#now = () => clock() + BigInt(offsetMs) * hundredNsPerMs;
  }

  async sync(limits: IcLimits = {}): Promise<bigint> {
    checkIcLimits(limits);
    return this.#tellTime('sync', limits, answerMs);
  }

  protected override async whileReady(signal: AbortSignal): Promise<void> {
    await this.#volunteer('sync', signal);
    while (!signal.aborted && this.#sampleIntervalMs > 0) {
      await sleep(this.#sampleIntervalMs, undefined, { signal, ref: false });
      await this.#volunteer('sample', signal);
    }
  }

  /** What nobody asked for may take for ever, and may fail. */
  async #volunteer(kind: 'sync' | 'sample', signal: AbortSignal): Promise<void> {
    try {
      await this.#tellTime(kind, {});
    } catch (error) {
      if (signal.aborted || !VmbusError.is(error) || error.code !== 'ERR_VMBUS_REFUSED') throw error;
      this.tell({ kind: 'refused', error });
    }
  }

  async #tellTime(kind: 'sync' | 'sample', limits: IcLimits, patienceMs?: number): Promise<bigint> {
    let unixTime = 0n;
    await this.request(
      {
        what: kind,
        // The moment of sending: a request may have waited.
        encode: (version) => {
          unixTime = this.#now();
          const hostTime = hostTimeOfUnix(unixTime);
          const flags = TimesyncFlag[kind];
          return encodeTimesync({ hostTime, referenceTime: null, flags, leap: 0, stratum: 0 }, version);
        },
        decode: (answer) => checkDone('timesync', kind, answer),
        ...(patienceMs === undefined ? {} : { answerMs: patienceMs }),
      },
      limits,
    );
    this.tell({ kind, unixTime });
    return unixTime;
  }
}
