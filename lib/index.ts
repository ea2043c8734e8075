// SPDX-License-Identifier: MIT
//
// The public surface of the package. Exports only.

export * from './bus/index.js';
export * from './channel/index.js';
export * from './devices/index.js';
export type { VmbusErrorCode, VmbusErrorDetails } from './errors.js';
export { errnoName, VmbusError } from './errors.js';
export type { Guid } from './guid.js';
export { guidFromBytes, guidToBytes, isGuid, parseGuid } from './guid.js';
export * from './insight/index.js';
export * from './services/index.js';
