// SPDX-License-Identifier: MIT
//
// What a guest asks its card for and tells it: objects by number.
// Called by: rndis-device.ts.

import { VmbusError } from '../../../errors.js';
import { macBytes, macNumber, parseMac } from '../../../protocol/ethernet/address.js';
import { frameHeaderBytes } from '../../../protocol/ethernet/frame.js';
import { NvspVersion } from '../../../protocol/nvsp.js';
import {
  decodeConfigParameter,
  decodeNdisObject,
  decodeScalingParameters,
  encodeScalingCapabilities,
  hashKeyBytes,
  mostScalingEntries,
  Oid,
  offloadCapabilities,
  RndisStatus,
  scalingFlags,
} from '../../../protocol/rndis.js';
import type { Card } from './card.js';
import { FlowHash } from './flow-hash.js';
import type { NicCounters } from './nic-statistics.js';

/** Addresses of groups that a guest may name; with more it has to listen to all. */
const mostGroups = 32;
/** 00-15-5D is Microsoft's, whose card this one plays. */
const vendorId = 0x005d_1500;
const driverVersion = 0x0006_001e;
/** No loopback, priorities, VLANs. */
const macOptions = 0x8 | 0x40 | 0x200;

/** What objects are about besides the card itself. */
export interface ObjectSurroundings {
  readonly counters: NicCounters;
  readonly isConnected: boolean;
  /** Channels open now. */
  readonly openChannels: number;
}

type Reading = (card: Card, around: ObjectSurroundings, input: Uint8Array) => Uint8Array | null;
type Writing = (card: Card, around: ObjectSurroundings, info: Uint8Array) => number;

const frameBytes = ({ plan }: Card): number => plan.mtu + frameHeaderBytes;
const number =
  (value: (card: Card, around: ObjectSurroundings) => number): Reading =>
  (card, around) =>
    u32(value(card, around));

const readings: ReadonlyMap<number, Reading> = new Map<number, Reading>([
  [Oid.supportedList, () => Uint8Array.from(Buffer.concat([...readings.keys()].map(u32)))],
  [Oid.hardwareStatus, number(() => 0)],
  [Oid.mediaSupported, number(() => 0)],
  [Oid.mediaInUse, number(() => 0)],
  [Oid.physicalMedium, number(() => 0)],
  [Oid.maxLookahead, number(frameBytes)],
  [Oid.currentLookahead, number(frameBytes)],
  [Oid.maxFrameSize, number(({ plan }) => plan.mtu)],
  [Oid.maxTotalSize, number(frameBytes)],
  [Oid.transmitBlockSize, number(frameBytes)],
  [Oid.receiveBlockSize, number(frameBytes)],
  [Oid.transmitBufferSpace, number(({ sendBuffer }) => sendBuffer?.sizeBytes ?? 0)],
  [
    Oid.receiveBufferSpace,
    number(({ receiveBuffer }) => (receiveBuffer ? receiveBuffer.sectionBytes * receiveBuffer.sectionCount : 0)),
  ],
  // Units of 100 bit/s.
  [Oid.linkSpeed, number(({ plan }) => plan.linkSpeedMbps * 10_000)],
  [Oid.mediaConnectStatus, number((_, { isConnected }) => (isConnected ? 0 : 1))],
  [Oid.packetFilter, number(({ filter }) => filter)],
  [Oid.vendorId, number(() => vendorId)],
  [Oid.vendorDescription, () => Uint8Array.from(Buffer.from('Simulated Hyper-V network card\0', 'latin1'))],
  [Oid.vendorDriverVersion, number(() => driverVersion)],
  [Oid.driverVersion, () => Uint8Array.of(0x1e, 0x06)],
  [Oid.macOptions, number(() => macOptions)],
  [Oid.maxSendPackets, number(() => 1)],
  [Oid.friendlyName, ({ plan }) => Uint8Array.from(Buffer.from(`${plan.name.slice(0, 255)}\0`, 'utf16le'))],
  [Oid.permanentAddress, ({ plan }) => plan.mac],
  [Oid.currentAddress, ({ mac }) => mac],
  [Oid.multicastList, ({ groups }) => Uint8Array.from(Buffer.concat([...groups].map(macFrom)))],
  [Oid.maxMulticastList, number(() => mostGroups)],
  [Oid.sentGood, number((_, { counters }) => counters.sent.frames)],
  [Oid.receivedGood, number((_, { counters }) => counters.received.frames)],
  [Oid.sentBad, number((_, { counters }) => counters.malformed + counters.lost)],
  [Oid.receivedBad, number(() => 0)],
  [Oid.receivedNoBuffer, number((_, { counters }) => counters.dropped)],
  [Oid.receivedMisaligned, number(() => 0)],
  [Oid.sentOneCollision, number(() => 0)],
  [Oid.sentMoreCollisions, number(() => 0)],
  [Oid.offloadCapabilities, offload],
  [Oid.offloadConfig, offload],
  [Oid.scalingCapabilities, scalingCapabilities],
]);

const writings: ReadonlyMap<number, Writing> = new Map<number, Writing>([
  [Oid.packetFilter, setFilter],
  [Oid.multicastList, setGroups],
  [Oid.scalingParameters, setScaling],
  [Oid.configParameter, setParameter],
  // Nothing to be switched on, so that every wish is granted: Linux gives the card up otherwise.
  [Oid.offloadParameters, () => RndisStatus.success],
  [Oid.currentLookahead, () => RndisStatus.success],
  [Oid.networkLayerAddresses, () => RndisStatus.success],
]);

/** The value of an object, or why there is none. */
export function readObject(
  oid: number,
  input: Uint8Array,
  card: Card,
  around: ObjectSurroundings,
): { readonly status: number; readonly info: Uint8Array } {
  const info = readings.get(oid)?.(card, around, input) ?? null;
  if (info === null) return { status: RndisStatus.notSupported, info: new Uint8Array(0) };
  return { status: RndisStatus.success, info };
}

/** Takes the value of an object. Answers what it came to. */
export function writeObject(oid: number, info: Uint8Array, card: Card, around: ObjectSurroundings): number {
  const write = writings.get(oid);
  if (!write) return RndisStatus.notSupported;
  try {
    return write(card, around, info);
  } catch (error) {
    if (VmbusError.is(error)) return RndisStatus.invalidData;
    throw error;
  }
}

function setFilter(card: Card, _around: ObjectSurroundings, info: Uint8Array): number {
  if (info.length < 4) return RndisStatus.bufferTooShort;
  card.filter = new DataView(info.buffer, info.byteOffset).getUint32(0, true);
  return RndisStatus.success;
}

function setGroups(card: Card, _around: ObjectSurroundings, info: Uint8Array): number {
  const count = info.length / macBytes;
  if (!Number.isInteger(count) || count > mostGroups) return RndisStatus.invalidData;
  card.groups = new Set(Array.from({ length: count }, (_, i) => macNumber(info, i * macBytes)));
  return RndisStatus.success;
}

function setScaling(card: Card, { openChannels }: ObjectSurroundings, info: Uint8Array): number {
  const { isDisabled, hashInfo, table, key } = decodeScalingParameters(info);
  if (isDisabled) {
    card.spread = null;
    return RndisStatus.success;
  }
  const isPossible = table.length > 0 && table.every((channel) => channel < openChannels);
  if (!isPossible || key.length !== hashKeyBytes) return RndisStatus.invalidData;
  card.spread = { hash: new FlowHash(hashInfo, key), table };
  return RndisStatus.success;
}

function setParameter(card: Card, _around: ObjectSurroundings, info: Uint8Array): number {
  const { name, value } = decodeConfigParameter(info);
  if (name !== 'NetworkAddress') return RndisStatus.success;
  if (typeof value !== 'string' || !/^[0-9a-f][02468ace][0-9a-f]{10}$/i.test(value)) return RndisStatus.invalidData;
  card.mac = parseMac(value);
  return RndisStatus.success;
}

/** In the revision that the guest asks for, else in the one that its version of the protocol has. */
function offload({ version }: Card, _around: ObjectSurroundings, input: Uint8Array): Uint8Array {
  if (input.length >= 4) return offloadCapabilities(decodeNdisObject(input).revision);
  if (version >= NvspVersion.v5) return offloadCapabilities(3);
  return offloadCapabilities(version >= NvspVersion.v4 ? 2 : 1);
}

function scalingCapabilities({ version, plan }: Card): Uint8Array | null {
  if (version < NvspVersion.v5) return null;
  const { queues } = plan;
  return encodeScalingCapabilities({
    flags: scalingFlags,
    interrupts: queues,
    receiveQueues: queues,
    tableEntries: mostScalingEntries,
  });
}

/** Counters go around at 32 bits. */
function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function macFrom(address: number): Uint8Array {
  return parseMac(address.toString(16).padStart(2 * macBytes, '0'));
}
