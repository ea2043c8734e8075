// SPDX-License-Identifier: MIT
//
// RNDIS, which a synthetic network card speaks inside NVSP (nvsp.ts): control messages, data messages, the objects that a
// card is asked about. Everything in one import.
//
//   decodeRndisControl(bytes)                                 →  { kind: 'query', requestId: 2, oid: 0x01010101, info: [] }
//   encodeRndisPacket(frame, [{ type: PacketInfoType.vlan, value: 0x70 }])

export * from './rndis-control.js';
export * from './rndis-messages.js';
export * from './rndis-oids.js';
export * from './rndis-packet.js';
export * from './rndis-scaling.js';
