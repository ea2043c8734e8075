// SPDX-License-Identifier: MIT
//
// Addresses of Ethernet and IPv4: text, bytes, and IPv4 addresses as numbers in host order.

import { invalidType, invalidValue } from '../../errors.js';

/** Bytes of a MAC address. */
export const macBytes = 6;
/** The address of everybody. */
export const broadcastMac: Uint8Array = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);

const macText = /^[0-9a-f]{2}([:-]?[0-9a-f]{2}){5}$/i;

/** Six bytes of `00:15:5d:01:02:03`; dashes, or nothing between the digits, are as good. @throws TypeError */
export function parseMac(text: string, argument = 'mac'): Uint8Array {
  if (typeof text !== 'string') throw invalidType(argument, 'a MAC address as a string', text);
  if (!macText.test(text)) throw invalidValue(argument, 'must be a MAC address (00:15:5d:01:02:03)', text);
  return Uint8Array.from(Buffer.from(text.replaceAll(/[:-]/g, ''), 'hex'));
}

/** The text of six bytes at `offset`. */
export function formatMac(bytes: Uint8Array, offset = 0): string {
  return [...bytes.subarray(offset, offset + macBytes)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Six bytes at `offset` as one number, for tables. */
export function macNumber(bytes: Uint8Array, offset = 0): number {
  let number = 0;
  for (let i = offset; i < offset + macBytes; i += 1) number = number * 256 + (bytes[i] ?? 0);
  return number;
}

/** Whether a MAC address at `offset` is for a group: multicast or broadcast. */
export function isGroupMac(bytes: Uint8Array, offset = 0): boolean {
  return ((bytes[offset] ?? 0) & 1) !== 0;
}

export function isBroadcastMac(bytes: Uint8Array, offset = 0): boolean {
  return macNumber(bytes, offset) === 0xffff_ffff_ffff;
}

/** An IPv4 address of four numbers. @throws TypeError */
export function parseIpv4(text: string, argument = 'address'): number {
  if (typeof text !== 'string') throw invalidType(argument, 'an IPv4 address as a string', text);
  const parts = text.split('.');
  const isAddress = parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
  if (!isAddress) throw invalidValue(argument, 'must be an IPv4 address (10.9.9.1)', text);
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

/** The mask of a prefix length. */
export function maskOf(prefix: number): number {
  return prefix === 0 ? 0 : (0xffff_ffff << (32 - prefix)) >>> 0;
}

/** Length of the prefix of a mask; 0 where it is none: without bits, or with gaps between them. */
export function prefixOf(mask: number): number {
  const prefix = Math.clz32(~mask);
  return maskOf(prefix) === mask ? prefix : 0;
}

/** Whether one station may have an address: it is none of "this network", of loopback, of a group, or of everybody. */
export function isStationIpv4(address: number): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}
