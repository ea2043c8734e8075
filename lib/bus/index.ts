// SPDX-License-Identifier: MIT
//
// Exports of the bus.

export type * from './types.js';
