// SPDX-License-Identifier: MIT
//
// Exports of the services: what scripts do with the bus beside the system's own daemons.

export { autoKeys as kvpAutoKeys, explainKvpKey, poolTitles as kvpPoolTitles } from '../protocol/kvp-known-keys.js';
export { mostPublishedBytes } from '../protocol/kvp-parts.js';
export { checkBackup } from './backup/check-backup.js';
export { freezeMachine } from './backup/freeze-machine.js';
export { listHooks as listBackupHooks } from './backup/hook-folder.js';
export { planBackup } from './backup/plan.js';
export { recoverBackups } from './backup/recover.js';
export { serveBackup } from './backup/serve-backup.js';
export { thawFileSystems } from './backup/thaw.js';
export type * from './backup/types.js';
export { openInbox } from './inbox/open-inbox.js';
export { receiveFiles } from './inbox/receive.js';
export type * from './inbox/types.js';
export { serveKvpPools } from './kvp/daemon/serve-pools.js';
export type * from './kvp/daemon/types.js';
export { findNetworkManager, networkManagerNames, planIpChange } from './kvp/ip/plan.js';
export { type SetIpOptions, setIpInfo, undoIpInfo } from './kvp/ip/set-ip.js';
export type * from './kvp/ip/types.js';
export { kvpPoolNames, openKvpPool } from './kvp/open-pool.js';
export type * from './kvp/types.js';
export { lifecycle, lifecycleKinds } from './lifecycle/lifecycle.js';
export type * from './lifecycle/types.js';
export { joinNetwork, type NetworkStationHandle } from './network/station.js';
export { joinTap, type TapJoin } from './network/tap-join.js';
export type * from './network/types.js';
export { applyUnits } from './units/apply.js';
export { listUnits, planUnits } from './units/plan.js';
export type * from './units/types.js';
