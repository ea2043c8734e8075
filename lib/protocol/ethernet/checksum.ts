// SPDX-License-Identifier: MIT
//
// The checksum of IP, ICMP, UDP and TCP. Source: RFC 1071.

import { u16 } from './frame.js';

/** Sum of 16-bit words, to be passed on or finished. An odd last byte counts as if a zero followed it. */
export function sumOf(bytes: Uint8Array, sum = 0): number {
  let total = sum;
  for (let at = 0; at + 1 < bytes.length; at += 2) total += u16(bytes, at);
  if (bytes.length % 2 === 1) total += (bytes[bytes.length - 1] ?? 0) << 8;
  return total;
}

/** What stands in the checksum field for a sum; over bytes with a right checksum it is 0. */
export function checksumOf(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x1_0000);
  return ~folded & 0xffff;
}

/** Sum of the pseudo header that UDP and TCP checksums begin with. */
export function pseudoSum(source: number, destination: number, protocol: number, length: number): number {
  return (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length;
}
