// SPDX-License-Identifier: MIT
//
// IP addresses between text and bytes, as the binary IP information of the key-value service needs them.
// Called by kvp-ip-binary.ts. Text forms: RFC 4291 section 2.2 in, RFC 5952 out.

import { isIPv4, isIPv6 } from 'node:net';
import { invalidValue } from '../errors.js';

/** The 4 bytes of an IPv4 address or mask. @throws TypeError ERR_INVALID_ARG_VALUE */
export function ipv4Bytes(text: string, name: string): Uint8Array {
  if (!isIPv4(text)) throw invalidValue(name, 'must be an IPv4 address', text);
  return Uint8Array.from(text.split('.'), Number);
}

export function ipv4Text(bytes: Uint8Array): string {
  return bytes.join('.');
}

/** The 16 bytes of an IPv6 address without a zone. @throws TypeError ERR_INVALID_ARG_VALUE */
export function ipv6Bytes(text: string, name: string): Uint8Array {
  if (!isIPv6(text) || text.includes('%')) throw invalidValue(name, 'must be an IPv6 address', text);
  const [head = '', tail] = text.split('::');
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const words = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Uint8Array.from(words.flatMap((word) => [word >>> 8, word & 0xff]));
}

/** Words of a part between double colons; its end may be an IPv4 address. */
function groups(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

export function ipv6Text(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  const { start, length } = longestZeros(words);
  const hex = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(':');
  if (length < 2) return hex(words);
  return `${hex(words.slice(0, start))}::${hex(words.slice(start + length))}`;
}

/** The first of the longest runs of zeros. */
function longestZeros(words: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [i, word] of words.entries()) {
    length = word === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: i + 1 - length, length };
  }
  return best;
}
