// SPDX-License-Identifier: MIT
//
// Exports of the simulated host: `vmbus/host`.

export type * from './types.js';
