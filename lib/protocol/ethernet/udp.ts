// SPDX-License-Identifier: MIT
//
// UDP on IPv4. Source: RFC 768.

import { checksumOf, pseudoSum, sumOf } from './checksum.js';
import { putU16, u16 } from './frame.js';
import { IpProtocol } from './ipv4.js';

const headerBytes = 8;

/** Who speaks with whom: the checksum counts their addresses. */
export interface UdpAddresses {
  readonly source: number;
  readonly destination: number;
}

export interface UdpDatagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly data: Uint8Array;
}

/** Null for what is broken. */
export function decodeUdp(bytes: Uint8Array, addresses: UdpAddresses): UdpDatagram | null {
  const length = u16(bytes, 4);
  if (length < headerBytes || length > bytes.length) return null;
  const datagram = bytes.subarray(0, length);
  if (u16(bytes, 6) !== 0 && checksumOf(sumOf(datagram, pseudo(addresses, length))) !== 0) return null;
  return { sourcePort: u16(bytes, 0), destinationPort: u16(bytes, 2), data: datagram.subarray(headerBytes) };
}

export function encodeUdp({ sourcePort, destinationPort, data }: UdpDatagram, addresses: UdpAddresses): Uint8Array {
  const bytes = new Uint8Array(headerBytes + data.length);
  putU16(bytes, 0, sourcePort);
  putU16(bytes, 2, destinationPort);
  putU16(bytes, 4, bytes.length);
  bytes.set(data, headerBytes);
  // 0 would say that there is no checksum.
  putU16(bytes, 6, checksumOf(sumOf(bytes, pseudo(addresses, bytes.length))) || 0xffff);
  return bytes;
}

function pseudo({ source, destination }: UdpAddresses, length: number): number {
  return pseudoSum(source, destination, IpProtocol.udp, length);
}
