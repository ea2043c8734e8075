// SPDX-License-Identifier: MIT
//
// DHCP for IPv4, as far as a lease needs it. Source: RFC 2131, RFC 2132.

import { putU16, putU32, u16, u32 } from './frame.js';

export const dhcpServerPort = 67;
export const dhcpClientPort = 68;

const fixedBytes = 236;
const cookie = 0x6382_5363;
/** Clients may count on so many bytes in all, and some want no less. */
const leastBytes = 300;
const pad = 0;
const end = 255;
const broadcastFlag = 0x8000;

export const DhcpOp = { request: 1, reply: 2 } as const;
export const DhcpType = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;
/** Options by number. */
export const DhcpOption = {
  subnetMask: 1,
  router: 3,
  nameServers: 6,
  requestedAddress: 50,
  leaseSeconds: 51,
  messageType: 53,
  serverId: 54,
} as const;

export interface DhcpMessage {
  /** See {@link DhcpOp}. */
  readonly op: number;
  readonly transactionId: number;
  /** The client has no address yet and can be reached by broadcast only. */
  readonly wantsBroadcast: boolean;
  readonly clientAddress: number;
  readonly yourAddress: number;
  readonly serverAddress: number;
  readonly clientMac: Uint8Array;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Null for what is no DHCP on Ethernet. */
export function decodeDhcp(bytes: Uint8Array): DhcpMessage | null {
  if (bytes.length < fixedBytes + 4 || u32(bytes, fixedBytes) !== cookie) return null;
  if (bytes[1] !== 1 || bytes[2] !== 6) return null;
  const options = decodeOptions(bytes.subarray(fixedBytes + 4));
  if (!options) return null;
  return {
    op: bytes[0] ?? 0,
    transactionId: u32(bytes, 4),
    wantsBroadcast: (u16(bytes, 10) & broadcastFlag) !== 0,
    clientAddress: u32(bytes, 12),
    yourAddress: u32(bytes, 16),
    serverAddress: u32(bytes, 20),
    clientMac: bytes.subarray(28, 34),
    options,
  };
}

export function encodeDhcp(message: DhcpMessage): Uint8Array {
  let optionBytes = 1;
  for (const value of message.options.values()) optionBytes += 2 + value.length;
  const bytes = new Uint8Array(Math.max(leastBytes, fixedBytes + 4 + optionBytes));
  bytes.set([message.op, 1, 6]);
  putU32(bytes, 4, message.transactionId);
  putU16(bytes, 10, message.wantsBroadcast ? broadcastFlag : 0);
  putU32(bytes, 12, message.clientAddress);
  putU32(bytes, 16, message.yourAddress);
  putU32(bytes, 20, message.serverAddress);
  bytes.set(message.clientMac, 28);
  putU32(bytes, fixedBytes, cookie);
  let at = fixedBytes + 4;
  for (const [option, value] of message.options) {
    bytes.set([option, value.length], at);
    bytes.set(value, at + 2);
    at += 2 + value.length;
  }
  bytes[at] = end;
  return bytes;
}

/** An option of one address; null where it is absent or of another length. */
export function addressOption(options: ReadonlyMap<number, Uint8Array>, option: number): number | null {
  const value = options.get(option);
  return value?.length === 4 ? u32(value, 0) : null;
}

/** An address as the value of an option. */
export function addressBytes(address: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putU32(bytes, 0, address);
  return bytes;
}

function decodeOptions(bytes: Uint8Array): Map<number, Uint8Array> | null {
  const options = new Map<number, Uint8Array>();
  for (let at = 0; at < bytes.length; ) {
    const option = bytes[at] ?? end;
    if (option === end) break;
    if (option === pad) {
      at += 1;
      continue;
    }
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length) return null;
    options.set(option, bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return options;
}
