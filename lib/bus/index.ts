// SPDX-License-Identifier: MIT
//
// Exports of the bus.

export { deviceClasses } from '../protocol/classes.js';
export { listBindings, listDamagedRecords } from './binding/listed.js';
export { classOfGuid, classOfName } from './device-classes.js';
export { type KernelVersion, kernelVersion } from './kernel/kernel-version.js';
export { type KernelHazard, kernelHazards, subchannelInterruptsAreSafe } from './kernel/known-kernels.js';
export { bindDevice, moveChannel, restoreDevice, restoreStale } from './on-demand.js';
export { openBus } from './open-bus.js';
export type * from './types.js';
export { deviceUses } from './use/device-use.js';
