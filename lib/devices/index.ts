// SPDX-License-Identifier: MIT
//
// Exports of the devices, the guest side of each protocol.

export { IcStatus } from '../protocol/ic.js';
export { describeFileCopy, type FileCopyDescription } from './fcopy/describe.js';
export type {
  FileCopy,
  FileCopyOptions,
  FileCopySink,
  FileCopyTransport,
  IncomingFile,
} from './fcopy.js';
export { openFileCopy } from './fcopy.js';
export * from './heartbeat.js';
export type { KvpDeviceAnswer, KvpDeviceRequest, KvpService, ServeKvpOptions } from './kvp.js';
export { serveKvp } from './kvp.js';
export type {
  BalloonAsk,
  HotAddAsk,
  MemoryFigures,
  MemoryFiguresOptions,
  MemoryInspection,
  MemoryOptions,
  MemoryRequest,
  MemoryService,
  MemoryStats,
  OpenMemoryOptions,
  UnballoonNews,
} from './memory.js';
export { openMemory, readMemoryFigures, serveMemory } from './memory.js';
export type {
  AttachedNicQueue,
  FrameBatch,
  Nic,
  NicEvent,
  NicInspection,
  NicLink,
  NicOptions,
  NicQueueShare,
  NicQueueStats,
  NicStats,
  ReceivedChecksum,
  ReceivedFrame,
  SendFrameOptions,
  VlanTag,
} from './netvsc.js';
export { attachNicQueue, openNic } from './netvsc.js';
export type { ServiceState } from './service-device.js';
export * from './shutdown.js';
export type {
  ChunkOptions,
  ExecuteOptions,
  Partition,
  PartitionTable,
  ScsiResult,
  StorageCallOptions,
  StorageChange,
  StorageController,
  StorageDisk,
  StorageInspection,
  StorageOptions,
  StorageStats,
  StorageUnit,
  WriteStreamOptions,
} from './storvsc.js';
export { openStorage } from './storvsc.js';
export * from './timesync.js';
export type { ServeVssOptions, VssHandlers, VssService, VssThawReason } from './vss.js';
export { serveVss } from './vss.js';
