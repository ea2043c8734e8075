// SPDX-License-Identifier: MIT
//
// Exports of the bus.

export { classOfGuid, classOfName, deviceClasses } from '../protocol/classes.js';
export { deviceUses } from './device-use.js';
export { bindDevice } from './driver-binding.js';
export { type KernelVersion, kernelVersion } from './kernel-version.js';
export { type KernelHazard, kernelHazards, subchannelInterruptsAreSafe } from './known-kernels.js';
export { moveChannel } from './move-channel.js';
export { openBus } from './open-bus.js';
export { listBindings, restoreDevice, restoreStale } from './restore.js';
export type * from './types.js';
