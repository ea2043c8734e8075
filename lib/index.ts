// SPDX-License-Identifier: MIT
//
// The public surface of the package. Exports only.

export { errnoName, VmbusError } from './errors.js';
export type { VmbusErrorCode, VmbusErrorDetails } from './errors.js';
export { guidFromBytes, guidToBytes, isGuid, parseGuid } from './guid.js';
export type { Guid } from './guid.js';
export * from './bus/index.js';
export * from './channel/index.js';
