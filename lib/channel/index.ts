// SPDX-License-Identifier: MIT
//
// Exports of the channel.

export { PacketType } from './types.js';
export type * from './types.js';
