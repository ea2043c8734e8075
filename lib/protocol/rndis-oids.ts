// SPDX-License-Identifier: MIT
//
// Objects that a network card is asked about or told: their numbers, and the values that are more than a number or text.
// Receive-side scaling is rndis-scaling.ts.
// Source: the NDIS reference; drivers/net/hyperv/hyperv_net.h of the Linux kernel.

import { MessageReader, MessageWriter } from './message-fields.js';

/** Object identifiers. */
export const Oid = {
  supportedList: 0x0001_0101,
  hardwareStatus: 0x0001_0102,
  mediaSupported: 0x0001_0103,
  mediaInUse: 0x0001_0104,
  maxLookahead: 0x0001_0105,
  maxFrameSize: 0x0001_0106,
  linkSpeed: 0x0001_0107,
  transmitBufferSpace: 0x0001_0108,
  receiveBufferSpace: 0x0001_0109,
  transmitBlockSize: 0x0001_010a,
  receiveBlockSize: 0x0001_010b,
  vendorId: 0x0001_010c,
  vendorDescription: 0x0001_010d,
  packetFilter: 0x0001_010e,
  currentLookahead: 0x0001_010f,
  driverVersion: 0x0001_0110,
  maxTotalSize: 0x0001_0111,
  macOptions: 0x0001_0113,
  mediaConnectStatus: 0x0001_0114,
  maxSendPackets: 0x0001_0115,
  vendorDriverVersion: 0x0001_0116,
  networkLayerAddresses: 0x0001_0118,
  physicalMedium: 0x0001_0202,
  scalingCapabilities: 0x0001_0203,
  scalingParameters: 0x0001_0204,
  sentGood: 0x0002_0101,
  receivedGood: 0x0002_0102,
  sentBad: 0x0002_0103,
  receivedBad: 0x0002_0104,
  receivedNoBuffer: 0x0002_0105,
  friendlyName: 0x0002_0216,
  configParameter: 0x0001_021b,
  permanentAddress: 0x0101_0101,
  currentAddress: 0x0101_0102,
  multicastList: 0x0101_0103,
  maxMulticastList: 0x0101_0104,
  receivedMisaligned: 0x0102_0101,
  sentOneCollision: 0x0102_0102,
  sentMoreCollisions: 0x0102_0103,
  offloadConfig: 0xfc01_020b,
  offloadParameters: 0xfc01_020c,
  offloadCapabilities: 0xfc01_020d,
} as const;

/** Which frames a card shall deliver. Nothing at all while the filter is 0. */
export const PacketFilter = { directed: 1, multicast: 2, allMulticast: 4, broadcast: 8, promiscuous: 0x20 } as const;

/** What most structures of NDIS begin with. */
export interface NdisObject {
  readonly type: number;
  readonly revision: number;
  readonly sizeBytes: number;
}

/** Type of {@link offloadCapabilities}. */
export const offloadObjectType = 0xa7;
/** Size by revision. Linux takes no card that answers with less than the first, or with more than it asked for. */
const offloadBytes: Readonly<Record<number, number>> = { 1: 112, 2: 144, 3: 156 };

/** The header of a structure. @throws VmbusError ERR_VMBUS_PROTOCOL where there are no 4 bytes */
export function decodeNdisObject(info: Uint8Array): NdisObject {
  const fields = new MessageReader('rndis', 'object', info);
  return { type: fields.u8(0), revision: fields.u8(1), sizeBytes: fields.u16(2) };
}

/** Four bytes of a header. */
export function encodeNdisObject({ type, revision, sizeBytes }: NdisObject): Uint8Array {
  return new MessageWriter(4).u8(0, type, 'type').u8(1, revision, 'revision').u16(2, sizeBytes, 'sizeBytes').bytes;
}

/** What a card can compute for the guest: nothing. In the revision asked for, else the highest below it. */
export function offloadCapabilities(revision: number): Uint8Array {
  const known = Math.max(1, Math.min(3, revision));
  const sizeBytes = offloadBytes[known] ?? 0;
  const info = new Uint8Array(sizeBytes);
  info.set(encodeNdisObject({ type: offloadObjectType, revision: known, sizeBytes }));
  return info;
}

/** A setting by name, such as `NetworkAddress`. */
export interface ConfigParameter {
  readonly name: string;
  readonly value: number | string;
}

const parameterHeaderBytes = 20;
const textParameter = 2;

/** @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeConfigParameter(info: Uint8Array): ConfigParameter {
  const fields = new MessageReader('rndis', 'config parameter', info);
  const name = utf16(fields.part(fields.u32(0), fields.u32(4)));
  const value = fields.part(fields.u32(12), fields.u32(16));
  if (fields.u32(8) === textParameter) return { name, value: utf16(value) };
  return { name, value: new MessageReader('rndis', 'config parameter', value).u32(0) };
}

export function encodeConfigParameter({ name, value }: ConfigParameter): Uint8Array {
  const nameBytes = Buffer.from(name, 'utf16le');
  const valueBytes =
    typeof value === 'string' ? Buffer.from(value, 'utf16le') : new MessageWriter(4).u32(0, value, 'value').bytes;
  const fields = new MessageWriter(parameterHeaderBytes + nameBytes.length + valueBytes.length);
  fields.u32(0, parameterHeaderBytes, 'nameOffset').u32(4, nameBytes.length, 'name');
  fields.u32(8, typeof value === 'string' ? textParameter : 0, 'type');
  fields.u32(12, parameterHeaderBytes + nameBytes.length, 'valueOffset').u32(16, valueBytes.length, 'value');
  return fields.part(parameterHeaderBytes, nameBytes).part(parameterHeaderBytes + nameBytes.length, valueBytes).bytes;
}

function utf16(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length & ~1).toString('utf16le');
}
