// SPDX-License-Identifier: MIT
//
// NVSP, the protocol between a synthetic network card and its host, versions 1 to 6.1. Everything in one import.
// In an NVSP message travel RNDIS messages (rndis.ts), which lie in shared buffers or pages of the guest.
//
//   decodeNvspGuestMessage(packet.payload)  →  { kind: 'rndisPacket', channelType: 0, sectionIndex: 3, sectionBytes: 104 }

import { type Guid, parseGuid } from '../guid.js';

export * from './nvsp-guest.js';
export * from './nvsp-host.js';
export * from './nvsp-messages.js';

/** Class of the network card. */
export const netClass: Guid = parseGuid('f8615163-df3e-46c5-913f-f2d2f965ed0e');
