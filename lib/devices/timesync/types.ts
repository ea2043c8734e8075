// SPDX-License-Identifier: MIT
//
// Shapes of the host's time in a script's hands. Nothing runs here.

import type { IcGuestOptions, IcOpenOptions } from '../ic-guest.js';

/** One message of the host. */
export interface TimeSample {
  /** `sync`: the host wants the clock set, as after a resume; `sample`: it only says what time it is. */
  readonly kind: 'sync' | 'sample';
  /** The host's time when it sent this, in milliseconds since 1970, with fractions. */
  readonly hostMs: number;
  /** This guest's clock when the message was taken, the same way. Node's clock has whole milliseconds. */
  readonly guestMs: number;
  /**
   * Guest minus host in milliseconds: positive where the guest is ahead. From 4.0 on without the time that the message took
   * longer than the quickest one; before with all of it.
   */
  readonly offsetMs: number;
  /** How far the host's clock has gone beyond the time that passed here since the message before; null for the first one. */
  readonly jumpMs: number | null;
  /** Partition's reference counter in units of 100 ns; null before 4.0. */
  readonly referenceTime: bigint | null;
  /** As in NTP; 0 before 4.0. */
  readonly leap: number;
  readonly stratum: number;
  /** Inside the window; what is not counts for nothing. */
  readonly isPlausible: boolean;
}

/** Options of serving the host's time. */
export interface TimesyncGuestOptions extends IcGuestOptions {
  /**
   * Told of each message, plausible or not. This library never sets a clock: a script that wants it set does so here, or lets
   * chrony do it. An error ends the service.
   */
  onSample?(sample: TimeSample): void;
  /** Messages kept for {@link TimesyncService.samples}. Default 64. */
  readonly keep?: number;
  /** What the host can mean in earnest. Default: 2015 to 2200. */
  readonly earliest?: Date;
  readonly latest?: Date;
}

/** Options of opening the device as well. */
export interface OpenTimesyncOptions extends TimesyncGuestOptions, IcOpenOptions {}
