// SPDX-License-Identifier: MIT
//
// Exports of the channel.

export { attachChannel } from './attach.js';
export type {
  ChannelCloseMessage,
  ChannelOpenMessage,
  PacketMessage,
} from './diagnostics.js';
export { openChannel } from './open.js';
export type * from './types.js';
export { PacketType } from './types.js';
