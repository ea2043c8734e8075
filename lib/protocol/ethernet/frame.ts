// SPDX-License-Identifier: MIT
//
// Ethernet frames: the header, and the 802.1Q tag that may stand in it. Big-endian.

import { macBytes } from './address.js';

/** Bytes before the payload of an untagged frame. */
export const frameHeaderBytes = 14;
/** Bytes of a tag. */
export const vlanTagBytes = 4;

export const EtherType = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const;

/** A frame; `destination`, `source` and `payload` are views. A tag is left in the payload. */
export interface EthernetFrame {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  /** See {@link EtherType}. */
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Null for less than a header. */
export function decodeFrame(bytes: Uint8Array): EthernetFrame | null {
  if (bytes.length < frameHeaderBytes) return null;
  return {
    destination: bytes.subarray(0, macBytes),
    source: bytes.subarray(macBytes, 2 * macBytes),
    type: u16(bytes, 2 * macBytes),
    payload: bytes.subarray(frameHeaderBytes),
  };
}

export function encodeFrame({ destination, source, type, payload }: EthernetFrame): Uint8Array {
  const bytes = new Uint8Array(frameHeaderBytes + payload.length);
  bytes.set(destination);
  bytes.set(source, macBytes);
  putU16(bytes, 2 * macBytes, type);
  bytes.set(payload, frameHeaderBytes);
  return bytes;
}

/** The tag's priority and VLAN id, as they stand in it; null in an untagged frame. */
export function tagOf(bytes: Uint8Array): number | null {
  if (bytes.length < frameHeaderBytes + vlanTagBytes || u16(bytes, 2 * macBytes) !== EtherType.vlan) return null;
  return u16(bytes, frameHeaderBytes);
}

/** A copy of a tagged frame without its tag. */
export function withoutTag(bytes: Uint8Array): Uint8Array {
  const plain = new Uint8Array(bytes.length - vlanTagBytes);
  plain.set(bytes.subarray(0, 2 * macBytes));
  plain.set(bytes.subarray(2 * macBytes + vlanTagBytes), 2 * macBytes);
  return plain;
}

/** A copy of a frame with a tag. */
export function withTag(bytes: Uint8Array, tag: number): Uint8Array {
  const tagged = new Uint8Array(bytes.length + vlanTagBytes);
  tagged.set(bytes.subarray(0, 2 * macBytes));
  putU16(tagged, 2 * macBytes, EtherType.vlan);
  putU16(tagged, frameHeaderBytes, tag);
  tagged.set(bytes.subarray(2 * macBytes), 2 * macBytes + vlanTagBytes);
  return tagged;
}

/** A number in network order; missing bytes are 0. */
export function u16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

/** A number in network order; missing bytes are 0. */
export function u32(bytes: Uint8Array, offset: number): number {
  return ((u16(bytes, offset) << 16) | u16(bytes, offset + 2)) >>> 0;
}

export function putU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

export function putU32(bytes: Uint8Array, offset: number, value: number): void {
  putU16(bytes, offset, value >>> 16);
  putU16(bytes, offset + 2, value & 0xffff);
}
