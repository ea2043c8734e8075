// SPDX-License-Identifier: MIT
//
// Which queue a frame is sent on: all frames of a flow on one, so that they stay in order.
// Called by: nic.ts. The hash is ours alone: the host never sees it.

import { EtherType, frameHeaderBytes, u16 } from '../../protocol/ethernet/frame.js';

const ipv4Addresses = frameHeaderBytes + 12;
const ipv4AddressBytes = 8;
const ipv6Addresses = frameHeaderBytes + 8;
const ipv6AddressBytes = 32;
const tcp = 6;
const udp = 17;
const moreFragments = 0x3fff;

/** A number for the flow of a frame; the same for each of its frames. */
export function flowOf(frame: Uint8Array): number {
  const type = u16(frame, 12);
  if (type === EtherType.ipv4 && frame.length >= frameHeaderBytes + 20) {
    const sum = mix(frame, ipv4Addresses, ipv4AddressBytes, 0);
    const isFragment = (u16(frame, frameHeaderBytes + 6) & moreFragments) !== 0;
    const ports = frameHeaderBytes + 4 * ((frame[frameHeaderBytes] ?? 0) & 15);
    return isFragment ? sum : mixPorts(frame, frame[frameHeaderBytes + 9], ports, sum);
  }
  if (type === EtherType.ipv6 && frame.length >= frameHeaderBytes + 40) {
    const sum = mix(frame, ipv6Addresses, ipv6AddressBytes, 0);
    return mixPorts(frame, frame[frameHeaderBytes + 6], frameHeaderBytes + 40, sum);
  }
  return mix(frame, 0, 12, 0);
}

/** Frames by a number of theirs, each list in their order. */
export function partsOf(
  frames: readonly Uint8Array[],
  numberOf: (frame: Uint8Array) => number,
): ReadonlyMap<number, Uint8Array[]> {
  const parts = new Map<number, Uint8Array[]>();
  for (const frame of frames) {
    const number = numberOf(frame);
    const part = parts.get(number);
    if (part === undefined) parts.set(number, [frame]);
    else part.push(frame);
  }
  return parts;
}

function mixPorts(frame: Uint8Array, protocol: number | undefined, at: number, sum: number): number {
  const hasPorts = (protocol === tcp || protocol === udp) && frame.length >= at + 4;
  return hasPorts ? mix(frame, at, 4, sum) : sum;
}

function mix(frame: Uint8Array, at: number, length: number, start: number): number {
  let sum = start;
  for (let i = at; i < at + length; i += 1) sum = Math.imul(sum ^ (frame[i] ?? 0), 0x0100_0193) >>> 0;
  return (sum ^ (sum >>> 15)) >>> 0;
}
