// SPDX-License-Identifier: MIT
//
// Exports of the simulated host: `vmbus/host`.

export {
  decodeEchoCommand,
  type EchoCommand,
  type EchoMode,
  EchoVerb,
  echoClass,
  echoCommandBytes,
  encodeEchoCommand,
} from '../protocol/echo.js';
export { portOfService, serviceOfPort } from '../protocol/hvsock.js';
export type { MouseButton } from '../protocol/mouse-report.js';
export { isKeyName, type KeyName, keyNames } from '../protocol/scan-codes.js';
export type { KeyboardLeds } from '../protocol/synth-keyboard.js';
export type {
  VideoFeatures,
  VideoRectangle,
  VideoResolution,
  VideoSituation,
} from '../protocol/synth-video.js';
export type { EventsOptions } from './event-reader.js';
export { type Malformation, type MalformationName, malformations } from './faults.js';
export { type HostProcess, type HostProcessOptions, startHostProcess } from './host-process.js';
export type { PlainError } from './plain.js';
export type {
  HostProcessEvent,
  ListedDevice,
  ProcessDevice,
  ProcessOptions,
  ProviderNews,
} from './process-protocol.js';
export {
  type BareValue,
  makeProvider,
  type NamedDevice,
  type NamedImage,
  type NamedProvider,
  type NamedVerb,
  parseNamedDevice,
  providersByName,
} from './providers/by-name.js';
export {
  type DynamicMemoryEvent,
  type DynamicMemoryOptions,
  type DynamicMemoryProvider,
  type DynamicMemoryState,
  dynamicMemory,
} from './providers/dynamic-memory.js';
export { type EchoOptions, echo } from './providers/echo.js';
export {
  type HvSock,
  type HvSockHandler,
  type HvSockListener,
  type HvSockOptions,
  hvSock,
} from './providers/hvsock.js';
export type { HvSocket } from './providers/hvsock-session.js';
export { type IdleOptions, idle } from './providers/idle.js';
export * from './providers/integration.js';
export {
  type KeyboardEvent,
  type KeyboardOptions,
  type KeyboardProvider,
  keyboard,
} from './providers/keyboard.js';
export type { WaitOptions } from './providers/listeners.js';
export { type MouseEvent, type MouseOptions, type MouseProvider, mouse } from './providers/mouse.js';
export type { FramePort, FramePortOptions } from './providers/netvsp/frame-port.js';
export {
  type NetworkPeer,
  type NetworkPeerOptions,
  type NetworkPeerStatistics,
  networkPeer,
} from './providers/netvsp/network-peer.js';
export {
  type NetworkStation,
  NetworkSwitch,
  type SwitchPort,
  type SwitchStatistics,
} from './providers/netvsp/network-switch.js';
export type { NetvspOptions } from './providers/netvsp/nic-plan.js';
export type { NetvspStatistics, NicTraffic } from './providers/netvsp/nic-statistics.js';
export { type NetvspEvent, type NetvspProvider, type NetvspState, netvsp } from './providers/netvsp.js';
export type { BlockBytes, Disk } from './providers/storvsp/disk.js';
export type { DiskOptions, UnitOptions } from './providers/storvsp/disk-choice.js';
export {
  type BadBlocks,
  type FaultyDisk,
  type FaultyDiskOptions,
  faultyDisk,
} from './providers/storvsp/faulty-disk.js';
export { type FileDisk, type FileDiskOptions, openFileDisk } from './providers/storvsp/file-disk.js';
export { type MemoryDisk, type MemoryDiskOptions, memoryDisk } from './providers/storvsp/memory-disk.js';
export type { StorageState } from './providers/storvsp/negotiation.js';
export type {
  AttentionName,
  IdeOptions,
  ScsiOptions,
  ScsiProvider,
  StorageProvider,
} from './providers/storvsp/types.js';
export { ide, scsi } from './providers/storvsp.js';
export type { SynthOptions, SynthProvider } from './providers/synth-session.js';
export {
  type VideoEvent,
  type VideoFrame,
  type VideoOptions,
  type VideoProvider,
  video,
} from './providers/video.js';
export type { VideoPointerShape } from './providers/video-picture.js';
export type { QemuHostOptions } from './qemu/options.js';
export { QemuHost } from './qemu/qemu-host.js';
export { Recorder } from './recording/recorder.js';
export { type RecordedChannel, type Replayed, type ReplayOptions, readRecording, replay } from './recording/replay.js';
export { SimulatedHost } from './simulated-host.js';
export type * from './types.js';
