// SPDX-License-Identifier: MIT
//
// Receive-side scaling: what a card can do, and what a guest wants of it: a hash over each flow, and a table that says by the
// hash on which channel its frames arrive.
// Source: NDIS_RECEIVE_SCALE_CAPABILITIES and _PARAMETERS of the NDIS reference.

import { invalidValue } from '../errors.js';
import { MessageReader, MessageWriter } from './message-fields.js';

/** Bits of hash information. */
export const HashBit = {
  toeplitz: 0x1,
  ipv4: 0x100,
  tcpIpv4: 0x200,
  ipv6: 0x400,
  tcpIpv6: 0x1000,
  udpIpv4: 0x4000,
  udpIpv6: 0x8000,
} as const;

/** Bits of a card's capabilities: the Toeplitz hash over TCP on IPv4 and IPv6. */
export const scalingFlags = 0x301;
/** Entries that a table can have. */
export const mostScalingEntries = 128;
/** Bytes of a hash key. */
export const hashKeyBytes = 40;

const capabilitiesType = 0x88;
/** Exactly so many: with more, Linux does without further queues. */
const capabilitiesBytes = 18;
const parametersType = 0x89;
const parametersHeaderBytes = 40;
/** Up to the last field that is read. */
const parametersFieldBytes = 28;
const disableBit = 0x10;

export interface ScalingCapabilities {
  readonly flags: number;
  readonly interrupts: number;
  readonly receiveQueues: number;
  readonly tableEntries: number;
}

export interface ScalingParameters {
  /** Everything arrives on the primary channel. */
  readonly isDisabled: boolean;
  /** See {@link HashBit}. */
  readonly hashInfo: number;
  /** Channel by the low bits of the hash. */
  readonly table: readonly number[];
  readonly key: Uint8Array;
}

/** @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeScalingCapabilities(info: Uint8Array): ScalingCapabilities {
  const fields = new MessageReader('rndis', 'scaling capabilities', info);
  if (fields.u8(0) !== capabilitiesType) throw fields.violation(`object type ${fields.u8(0)}`, { type: fields.u8(0) });
  return {
    flags: fields.u32(4),
    interrupts: fields.u32(8),
    receiveQueues: fields.u32(12),
    tableEntries: fields.u16(16),
  };
}

export function encodeScalingCapabilities(capabilities: ScalingCapabilities): Uint8Array {
  const fields = new MessageWriter(capabilitiesBytes);
  fields.u8(0, capabilitiesType, 'type').u8(1, 2, 'revision').u16(2, capabilitiesBytes, 'size');
  fields.u32(4, capabilities.flags, 'flags').u32(8, capabilities.interrupts, 'interrupts');
  fields.u32(12, capabilities.receiveQueues, 'receiveQueues').u16(16, capabilities.tableEntries, 'tableEntries');
  return fields.bytes;
}

/** @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeScalingParameters(info: Uint8Array): ScalingParameters {
  const fields = new MessageReader('rndis', 'scaling parameters', info);
  fields.part(0, parametersFieldBytes);
  if (fields.u8(0) !== parametersType) throw fields.violation(`object type ${fields.u8(0)}`, { type: fields.u8(0) });
  const tableBytes = fields.u16(12);
  const keyBytes = fields.u16(20);
  if (tableBytes % 4 !== 0 || tableBytes > 4 * mostScalingEntries)
    throw fields.violation(`a table of ${tableBytes} bytes`, { tableBytes });
  if (keyBytes > hashKeyBytes) throw fields.violation(`a key of ${keyBytes} bytes`, { keyBytes });
  const table = new MessageReader('rndis', 'scaling table', fields.part(fields.u32(16), tableBytes));
  return {
    isDisabled: (fields.u16(4) & disableBit) !== 0,
    hashInfo: fields.u32(8),
    table: Array.from({ length: tableBytes / 4 }, (_, i) => table.u32(4 * i)),
    key: Uint8Array.from(fields.part(fields.u32(24), keyBytes)),
  };
}

/** As Linux lays it out: header, table, key. @throws TypeError ERR_INVALID_ARG_VALUE */
export function encodeScalingParameters({ isDisabled, hashInfo, table, key }: ScalingParameters): Uint8Array {
  if (table.length > mostScalingEntries)
    throw invalidValue('table', `must have at most ${mostScalingEntries} entries`, table.length);
  if (key.length > hashKeyBytes) throw invalidValue('key', `must have at most ${hashKeyBytes} bytes`, key.length);
  const keyAt = parametersHeaderBytes + 4 * table.length;
  const fields = new MessageWriter(keyAt + key.length);
  fields.u8(0, parametersType, 'type').u8(1, 2, 'revision').u16(2, parametersHeaderBytes, 'size');
  fields.u16(4, isDisabled ? disableBit : 0, 'flags').u32(8, hashInfo, 'hashInfo');
  fields.u16(12, 4 * table.length, 'table').u32(16, parametersHeaderBytes, 'tableOffset');
  fields.u16(20, key.length, 'key').u32(24, keyAt, 'keyOffset');
  for (const [i, channel] of table.entries()) fields.u32(parametersHeaderBytes + 4 * i, channel, 'table');
  return fields.part(keyAt, key).bytes;
}
