// SPDX-License-Identifier: MIT
//
// IPv4 packets in one piece. Source: RFC 791.

import { checksumOf, sumOf } from './checksum.js';
import { putU16, putU32, u16, u32 } from './frame.js';

const headerBytes = 20;
const dontFragment = 0x4000;
/** More fragments, or an offset. */
const fragmentBits = 0x3fff;

export const IpProtocol = { icmp: 1, tcp: 6, udp: 17 } as const;

export interface Ipv4Packet {
  readonly source: number;
  readonly destination: number;
  /** See {@link IpProtocol}. */
  readonly protocol: number;
  readonly payload: Uint8Array;
  /** Default 64. */
  readonly timeToLive?: number;
}

/** Null for what is no IPv4, is broken, or is a fragment. Padding of the frame is left out of the payload. */
export function decodeIpv4(bytes: Uint8Array): Ipv4Packet | null {
  const first = bytes[0] ?? 0;
  const header = (first & 0xf) * 4;
  const length = u16(bytes, 2);
  if (first >>> 4 !== 4 || header < headerBytes || length < header || length > bytes.length) return null;
  if (checksumOf(sumOf(bytes.subarray(0, header))) !== 0 || (u16(bytes, 6) & fragmentBits) !== 0) return null;
  return {
    timeToLive: bytes[8] ?? 0,
    protocol: bytes[9] ?? 0,
    source: u32(bytes, 12),
    destination: u32(bytes, 16),
    payload: bytes.subarray(header, length),
  };
}

/** A packet without options that may not be taken to pieces. */
export function encodeIpv4(packet: Ipv4Packet): Uint8Array {
  const bytes = new Uint8Array(headerBytes + packet.payload.length);
  bytes[0] = 0x45;
  putU16(bytes, 2, bytes.length);
  putU16(bytes, 6, dontFragment);
  bytes[8] = packet.timeToLive ?? 64;
  bytes[9] = packet.protocol;
  putU32(bytes, 12, packet.source);
  putU32(bytes, 16, packet.destination);
  putU16(bytes, 10, checksumOf(sumOf(bytes.subarray(0, headerBytes))));
  bytes.set(packet.payload, headerBytes);
  return bytes;
}
