// SPDX-License-Identifier: MIT
//
// Exports of the bus.

export { classOfGuid, classOfName, deviceClasses } from '../protocol/classes.js';
export { openBus } from './open-bus.js';
export type * from './types.js';
