// SPDX-License-Identifier: MIT
//
// Bodies of the time synchronisation service: the host tells its time, to be taken at once or as a sample. The answer is the
// status.
// Shared by host/providers/timesync.ts and devices/. Source of the facts: struct ictimesync_data and struct
// ictimesync_ref_data in include/linux/hyperv.h.
//
// Until 3.0: u64 host time, u64 child time, u64 round trip, u8 flags.
// From 4.0:  u64 host time, u64 reference time, u8 flags, u8 leap, u8 stratum, 5 bytes zero.

import { type Guid, parseGuid } from '../guid.js';
import { type IcVersion, icVersion } from './ic.js';
import { needBytes, putUint, putUint64, viewOf } from './wire-fields.js';

/** Class GUID of the time synchronisation device. */
export const timesyncClass: Guid = parseGuid('9527e630-d0ae-497b-adce-e80ab0175caf');
/** Instance GUID that Hyper-V gives it. */
export const timesyncInstance: Guid = parseGuid('2dd1ce17-079e-403c-b352-a1921ee207ee');

/** From here on a message names the moment of its host time on the partition's reference counter. */
export const referenceVersion: IcVersion = icVersion(4, 0);

const oldBytes = 25;
const referenceBytes = 24;
/** What Linux needs of them. */
const leastReferenceBytes = 22;

/** Bits of the flags. */
export const TimesyncFlag = { sync: 1, sample: 2 } as const;

/** Time between 1601 and 1970 in 100 ns. */
const unixOffset = 116_444_736_000_000_000n;

/** A message of the host. Times are in units of 100 ns. */
export interface TimesyncMessage {
  /** Since 1601-01-01 UTC; see {@link hostTimeOfUnix}. */
  readonly hostTime: bigint;
  /** Reference counter of the partition at that moment; null before 4.0. */
  readonly referenceTime: bigint | null;
  /** See {@link TimesyncFlag}. */
  readonly flags: number;
  /** Leap indicator and stratum, as in NTP; 0 before 4.0. */
  readonly leap: number;
  readonly stratum: number;
}

/** Host time of a Unix time, both in 100 ns. */
export function hostTimeOfUnix(unixTime: bigint): bigint {
  return unixTime + unixOffset;
}

/** Unix time of a host time, both in 100 ns; negative before 1970. */
export function unixOfHostTime(hostTime: bigint): bigint {
  return hostTime - unixOffset;
}

/** Body of a message in the layout of a version. @throws TypeError, RangeError */
export function encodeTimesync(message: TimesyncMessage, version: IcVersion): Uint8Array {
  const isReferenced = version >= referenceVersion;
  const body = new Uint8Array(isReferenced ? referenceBytes : oldBytes);
  const view = viewOf(body);
  putUint64(view, 0, message.hostTime, 'hostTime');
  if (!isReferenced) {
    putUint(view, 24, 8, message.flags, 'flags');
    return body;
  }
  putUint64(view, 8, message.referenceTime ?? 0n, 'referenceTime');
  putUint(view, 16, 8, message.flags, 'flags');
  putUint(view, 17, 8, message.leap, 'leap');
  putUint(view, 18, 8, message.stratum, 'stratum');
  return body;
}

/** The message in a body; its answer has the same body. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeTimesync(body: Uint8Array, version: IcVersion): TimesyncMessage {
  const isReferenced = version >= referenceVersion;
  needBytes(viewOf(body), isReferenced ? leastReferenceBytes : oldBytes, 'timesync', 'time message');
  const view = viewOf(body);
  const hostTime = view.getBigUint64(0, true);
  if (!isReferenced) return { hostTime, referenceTime: null, flags: view.getUint8(24), leap: 0, stratum: 0 };
  return {
    hostTime,
    referenceTime: view.getBigUint64(8, true),
    flags: view.getUint8(16),
    leap: view.getUint8(17),
    stratum: view.getUint8(18),
  };
}
