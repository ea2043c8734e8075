// SPDX-License-Identifier: MIT
//
// Echo messages of ICMP for IPv4. Source: RFC 792.

import { checksumOf, sumOf } from './checksum.js';
import { putU16, u16 } from './frame.js';

const headerBytes = 8;

export const IcmpType = { echoReply: 0, echoRequest: 8 } as const;

export interface IcmpEcho {
  /** See {@link IcmpType}. */
  readonly type: number;
  readonly identifier: number;
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** Null for what is no echo message, or has a wrong checksum. */
export function decodeIcmpEcho(bytes: Uint8Array): IcmpEcho | null {
  const type = bytes[0] ?? 0;
  if (bytes.length < headerBytes || (type !== IcmpType.echoRequest && type !== IcmpType.echoReply)) return null;
  if (bytes[1] !== 0 || checksumOf(sumOf(bytes)) !== 0) return null;
  return { type, identifier: u16(bytes, 4), sequence: u16(bytes, 6), data: bytes.subarray(headerBytes) };
}

export function encodeIcmpEcho({ type, identifier, sequence, data }: IcmpEcho): Uint8Array {
  const bytes = new Uint8Array(headerBytes + data.length);
  bytes[0] = type;
  putU16(bytes, 4, identifier);
  putU16(bytes, 6, sequence);
  bytes.set(data, headerBytes);
  putU16(bytes, 2, checksumOf(sumOf(bytes)));
  return bytes;
}
