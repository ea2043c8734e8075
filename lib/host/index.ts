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
export { type Malformation, type MalformationName, malformations } from './faults.js';
export { type HostProcess, type HostProcessOptions, startHostProcess } from './host-process.js';
export {
  makeProvider,
  type NamedDevice,
  type NamedProvider,
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
export { type IdleOptions, idle } from './providers/idle.js';
export { QemuHost, type QemuHostOptions } from './qemu/qemu-host.js';
export { SimulatedHost } from './simulated-host.js';
export type * from './types.js';
