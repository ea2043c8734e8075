// SPDX-License-Identifier: MIT
//
// ARP for IPv4 on Ethernet. Source: RFC 826.

import { macBytes } from './address.js';
import { EtherType, putU16, putU32, u16, u32 } from './frame.js';

const arpBytes = 28;
const ethernet = 1;

export const ArpOperation = { request: 1, reply: 2 } as const;

export interface ArpPacket {
  /** See {@link ArpOperation}. */
  readonly operation: number;
  readonly senderMac: Uint8Array;
  readonly senderAddress: number;
  readonly targetMac: Uint8Array;
  readonly targetAddress: number;
}

/** Null for what is not ARP for IPv4 on Ethernet. */
export function decodeArp(payload: Uint8Array): ArpPacket | null {
  if (payload.length < arpBytes || u16(payload, 0) !== ethernet || u16(payload, 2) !== EtherType.ipv4) return null;
  if (payload[4] !== macBytes || payload[5] !== 4) return null;
  return {
    operation: u16(payload, 6),
    senderMac: payload.subarray(8, 14),
    senderAddress: u32(payload, 14),
    targetMac: payload.subarray(18, 24),
    targetAddress: u32(payload, 24),
  };
}

export function encodeArp(packet: ArpPacket): Uint8Array {
  const bytes = new Uint8Array(arpBytes);
  putU16(bytes, 0, ethernet);
  putU16(bytes, 2, EtherType.ipv4);
  bytes[4] = macBytes;
  bytes[5] = 4;
  putU16(bytes, 6, packet.operation);
  bytes.set(packet.senderMac, 8);
  putU32(bytes, 14, packet.senderAddress);
  bytes.set(packet.targetMac, 18);
  putU32(bytes, 24, packet.targetAddress);
  return bytes;
}
