// SPDX-License-Identifier: MIT
//
// Exports of the integration services: heartbeat, shutdown, time synchronisation, key-value pairs, backup, file copy.
// Called by: host/index.ts.

export type { HeartbeatHealth } from '../../protocol/heartbeat.js';
export { IcStatus, icStatusName } from '../../protocol/ic.js';
export { KvpPool } from '../../protocol/kvp.js';
export type { IpFamily, IpOrigin, KvpIpInfo } from '../../protocol/kvp-ip-info.js';
export type { KvpItem, KvpValue } from '../../protocol/kvp-value.js';
export { type VssDisk, VssFlag, type VssFreezeDetails } from '../../protocol/vss.js';
export {
  type FcopyEvent,
  type FcopyOptions,
  type FcopyProgress,
  type FcopyProvider,
  type FcopySendOptions,
  type FcopySource,
  fcopy,
} from './fcopy.js';
export {
  type HeartbeatCounts,
  type HeartbeatEvent,
  type HeartbeatOptions,
  type HeartbeatProvider,
  heartbeat,
} from './heartbeat.js';
export type { IcAgreement, IcLimits, IcOptions, IcProvider, IcState, IcStateEvent } from './ic-device.js';
export {
  type KvpEvent,
  type KvpOptions,
  type KvpPlace,
  type KvpPoolName,
  type KvpProvider,
  kvp,
} from './kvp.js';
export { type ShutdownOptions, type ShutdownProvider, type ShutdownWish, shutdown } from './shutdown.js';
export { type TimesyncEvent, type TimesyncOptions, type TimesyncProvider, timesync } from './timesync.js';
export {
  type FreezeOptions,
  type FrozenGuest,
  type ThawReason,
  type VssEvent,
  type VssOptions,
  type VssProvider,
  vss,
} from './vss.js';
