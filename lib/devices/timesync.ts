// SPDX-License-Identifier: MIT
//
// The host's time from the guest's side: samples, and how far this clock is from the host's. It never sets a clock.
// Called by scripts and services/lifecycle. Frame and versions: ic-service.ts; bytes: protocol/timesync.ts; what a message says:
// timesync/sample-series.ts. Source of the facts: timesync_onchannelcallback in drivers/hv/hv_util.c.

import type { Device } from '../bus/types.js';
import type { Channel } from '../channel/types.js';
import { checkInteger } from '../check.js';
import { invalidType, outOfRange, VmbusError } from '../errors.js';
import { IcStatus, IcType, icVersion } from '../protocol/ic.js';
import { decodeTimesync, type TimesyncMessage, timesyncClass } from '../protocol/timesync.js';
import { checkServedChannel, openDeviceChannel } from './channel-of-device.js';
import { checkIcGuestOptions, IcGuest } from './ic-guest.js';
import type { IcAnswer, IcRequest } from './ic-service.js';
import { SampleSeries } from './timesync/sample-series.js';
import type { OpenTimesyncOptions, TimeSample, TimesyncGuestOptions } from './timesync/types.js';

export type * from './timesync/types.js';

const dialect = {
  name: 'timesync',
  type: IcType.timesync,
  frameworks: [icVersion(3, 0), icVersion(1, 0)],
  versions: [icVersion(4, 0), icVersion(3, 0), icVersion(1, 0)],
};
const ownOptions = ['onSample', 'keep', 'earliest', 'latest'];
const handlers = ['onSample'];
const clocks = { wallMs: () => Date.now(), monotonicNs: () => process.hrtime.bigint() };
const defaultEarliest = new Date(Date.UTC(2015, 0));
const defaultLatest = new Date(Date.UTC(2200, 0));

/**
 * Opens the time synchronisation device, which must be bound to uio_hv_generic, and serves it. While it does, the kernel neither
 * sets its clock from the host nor shows it as a PTP clock.
 * @throws what {@link openChannel} throws; TypeError for another device or wrong options
 * @example
 * await using binding = await bindDevice(bus.device('timesync'));
 * await using time = await openTimesync(bus.device('timesync'));
 * for await (const { kind, offsetMs } of time.events()) console.log(kind, offsetMs);
 * @category Devices
 */
export async function openTimesync(device: Device, options: OpenTimesyncOptions = {}): Promise<TimesyncService> {
  checkIcGuestOptions(options, [...ownOptions, 'channel'], handlers);
  const { channel: _channel, ...rest } = options;
  checkOwn(rest);
  return serveTimesync(
    await openDeviceChannel(device, { guid: timesyncClass, name: 'the timesync device' }, options),
    rest,
  );
}

/**
 * Serves the host's time on an open channel, which is the service's from here on.
 * @throws TypeError, RangeError for what is no channel, and for wrong options
 * @example
 * await using time = serveTimesync(channel, { onSample: ({ kind, offsetMs }) => console.log(kind, offsetMs) });
 * @category Devices
 */
export function serveTimesync(channel: Channel, options: TimesyncGuestOptions = {}): TimesyncService {
  checkServedChannel(channel);
  checkIcGuestOptions(options, ownOptions, handlers);
  checkOwn(options);
  return new TimesyncService(channel, options);
}

/**
 * A guest's side of time synchronisation. Made by {@link openTimesync} or {@link serveTimesync}.
 * @category Devices
 */
export class TimesyncService extends IcGuest<TimeSample> {
  readonly #series: SampleSeries;
  readonly #onSample: TimesyncGuestOptions['onSample'];

  /** @internal */
  constructor(channel: Channel, options: TimesyncGuestOptions) {
    super(channel, dialect, options);
    const { keep = 64, earliest = defaultEarliest, latest = defaultLatest } = options;
    const window = { earliestMs: earliest.getTime(), latestMs: latest.getTime() };
    this.#series = new SampleSeries(clocks, window, keep);
    this.#onSample = options.onSample?.bind(options);
  }

  /** The last messages of the host, the oldest first. */
  get samples(): readonly TimeSample[] {
    return this.#series.kept;
  }

  /** The last one that is plausible; null before there was one. */
  get latest(): TimeSample | null {
    return this.#series.kept.findLast(({ isPlausible }) => isPlausible) ?? null;
  }

  protected override answer({ body, version }: IcRequest): IcAnswer {
    let message: TimesyncMessage;
    try {
      message = decodeTimesync(body, version);
    } catch (error) {
      if (VmbusError.is(error)) return { status: IcStatus.failed };
      throw error;
    }
    const sample = this.#series.take(message);
    return { status: IcStatus.done, after: () => this.#told(sample) };
  }

  #told(sample: TimeSample): void {
    this.tell(sample);
    this.#onSample?.(sample);
  }
}

function checkOwn({ keep, earliest, latest }: TimesyncGuestOptions): void {
  if (keep !== undefined) checkInteger(keep, 'options.keep', 1, 100_000);
  for (const [name, date] of [
    ['earliest', earliest],
    ['latest', latest],
  ] as const) {
    if (date === undefined) continue;
    if (!(date instanceof Date)) throw invalidType(`options.${name}`, 'a Date', date);
    if (Number.isNaN(date.getTime())) throw outOfRange(`options.${name}`, 'a valid Date', date);
  }
}
