// SPDX-License-Identifier: MIT
//
// The data message of RNDIS: one Ethernet frame, and information about it in elements ("per-packet information").
// Several messages may follow each other in one transfer. Offsets inside a message count from byte 8.

import { MessageReader, MessageWriter } from './message-fields.js';
import { openRndis, rndisHeaderBytes } from './rndis-control.js';
import { RndisType } from './rndis-messages.js';

/** Bytes before elements and frame. */
export const rndisPacketHeaderBytes = 44;
const elementHeaderBytes = 12;
const internalBit = 0x8000_0000;

/** Types of elements; all of them are a u32. */
export const PacketInfoType = {
  /** Sent: what to compute. Received: what was checked. See {@link ChecksumBit}. */
  checksum: 0,
  /** Segmentation of a large send: bits 0-19 segment size, 20-29 offset of the TCP header, 30 set, 31 IPv6. */
  largeSend: 2,
  /** Bits 0-2 priority, 3 drop eligible, 4-15 VLAN id. */
  vlan: 6,
  hash: 8,
} as const;

/** Bits of {@link PacketInfoType.checksum}. */
export const ChecksumBit = {
  sendIpv4: 0x1,
  sendIpv6: 0x2,
  sendTcp: 0x4,
  sendUdp: 0x8,
  sendIpHeader: 0x10,
  receivedTcpFailed: 0x1,
  receivedUdpFailed: 0x2,
  receivedIpFailed: 0x4,
  receivedTcpGood: 0x8,
  receivedUdpGood: 0x10,
  receivedIpGood: 0x20,
} as const;

/** One element. */
export interface PacketInfo {
  readonly type: number;
  /** Of a numbering of its own, between the two ends of VMBus. */
  readonly isInternal: boolean;
  readonly value: Uint8Array;
}

/** A frame as RNDIS carries it. */
export interface RndisPacket {
  readonly frame: Uint8Array;
  readonly info: readonly PacketInfo[];
}

const noInfo: readonly PacketInfo[] = [];

/**
 * The packet in a message; `frame` and values are views.
 * @throws VmbusError ERR_VMBUS_PROTOCOL
 */
export function decodeRndisPacket(bytes: Uint8Array): RndisPacket {
  const fields = openRndis(bytes);
  if (fields.u32(0) !== RndisType.packet)
    throw fields.violation(`type ${fields.u32(0)} is no packet`, { type: fields.u32(0) });
  const body = fields.part(rndisHeaderBytes, fields.length - rndisHeaderBytes);
  const inBody = new MessageReader('rndis', 'packet', body);
  if (inBody.u32(8) !== 0 || inBody.u32(12) !== 0 || inBody.u32(16) !== 0)
    throw fields.violation('a packet with out-of-band data');
  const length = inBody.u32(4);
  if (length === 0) throw fields.violation('a packet without a frame');
  const frame = inBody.part(inBody.u32(0), length);
  const infoBytes = inBody.u32(24);
  return { frame, info: infoBytes === 0 ? noInfo : decodeInfo(inBody.part(inBody.u32(20), infoBytes)) };
}

/** The message of a frame, with elements of a u32 each. The one copy of the frame. */
export function encodeRndisPacket(
  frame: Uint8Array,
  info: readonly { type: number; value: number }[] = [],
): Uint8Array {
  const infoBytes = (elementHeaderBytes + 4) * info.length;
  const fields = new MessageWriter(rndisPacketHeaderBytes + infoBytes + frame.length);
  const bodyBytes = rndisPacketHeaderBytes - rndisHeaderBytes;
  fields.u32(0, RndisType.packet, 'type').u32(4, fields.bytes.length, 'length');
  fields.u32(8, bodyBytes + infoBytes, 'offset').u32(12, frame.length, 'frame');
  if (infoBytes > 0) fields.u32(28, bodyBytes, 'infoOffset').u32(32, infoBytes, 'infoBytes');
  for (const [i, { type, value }] of info.entries()) {
    const at = rndisPacketHeaderBytes + (elementHeaderBytes + 4) * i;
    fields
      .u32(at, elementHeaderBytes + 4, 'size')
      .u32(at + 4, type, 'type')
      .u32(at + 8, elementHeaderBytes, 'offset');
    fields.u32(at + 12, value, 'value');
  }
  fields.part(rndisPacketHeaderBytes + infoBytes, frame);
  return fields.bytes;
}

/** The number in the first element of a type; null where there is none. */
export function packetInfoValue(info: readonly PacketInfo[], type: number): number | null {
  const element = info.find((each) => each.type === type && !each.isInternal);
  if (!element || element.value.length < 4) return null;
  return new DataView(element.value.buffer, element.value.byteOffset).getUint32(0, true);
}

/**
 * Messages that follow each other in one transfer, each rounded up to the alignment; views.
 * @throws VmbusError ERR_VMBUS_PROTOCOL where a length does not fit, or there are more than `mostMessages`
 */
export function splitRndis(bytes: Uint8Array, alignmentFactor: number, mostMessages: number): Uint8Array[] {
  const alignment = 2 ** alignmentFactor;
  const messages: Uint8Array[] = [];
  // Less than a header can only be padding.
  for (let at = 0; bytes.length - at >= rndisHeaderBytes || at === 0; ) {
    const message = openRndis(bytes.subarray(at)).bytes;
    messages.push(message);
    if (messages.length > mostMessages)
      throw new MessageReader('rndis', 'transfer', bytes).violation(`more than ${mostMessages} messages`);
    at += Math.ceil(message.length / alignment) * alignment;
  }
  return messages;
}

function decodeInfo(region: Uint8Array): PacketInfo[] {
  const fields = new MessageReader('rndis', "packet's information", region);
  const info: PacketInfo[] = [];
  for (let at = 0; at < region.length; ) {
    const size = fields.u32(at);
    const type = fields.u32(at + 4);
    const offset = fields.u32(at + 8);
    if (size < elementHeaderBytes || offset < elementHeaderBytes || offset > size)
      throw fields.violation(`an element of ${size} bytes with its value at ${offset}`, { size, offset });
    const value = fields.part(at, size).subarray(offset);
    info.push({ type: type & ~internalBit, isInternal: type >= internalBit, value });
    at += size;
  }
  return info;
}
