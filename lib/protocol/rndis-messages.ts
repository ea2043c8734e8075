// SPDX-License-Identifier: MIT
//
// The control messages of RNDIS as a synthetic network card uses it: numbers and shapes. Bytes: rndis-control.ts.
// Source: the Remote NDIS specification; include/linux/rndis.h of the Linux kernel.

/** Message types. An answer is its request with the top bit set. */
export const RndisType = {
  packet: 1,
  initialize: 2,
  halt: 3,
  query: 4,
  set: 5,
  reset: 6,
  indicateStatus: 7,
  keepalive: 8,
  initializeComplete: 0x8000_0002,
  queryComplete: 0x8000_0004,
  setComplete: 0x8000_0005,
  resetComplete: 0x8000_0006,
  keepaliveComplete: 0x8000_0008,
} as const;

/** What a request came to. */
export const RndisStatus = {
  success: 0,
  pending: 0x103,
  overflow: 0x8000_0005,
  failure: 0xc000_0001,
  notSupported: 0xc000_00bb,
  badVersion: 0xc001_0004,
  invalidData: 0xc001_0015,
  bufferTooShort: 0xc001_0016,
  invalidOid: 0xc001_0017,
} as const;

/** What a card indicates without being asked. */
export const RndisIndication = {
  mediaConnect: 0x4001_000b,
  mediaDisconnect: 0x4001_000c,
  /** 4 bytes: units of 100 bit/s. */
  linkSpeed: 0x4001_0013,
  networkChange: 0x4001_0018,
  offloadConfig: 0x4002_0006,
} as const;

/** A request that is answered under its id. Ids are never 0. */
interface Request {
  readonly requestId: number;
}

/** An answer to a request. */
interface Answer extends Request {
  /** See {@link RndisStatus}. */
  readonly status: number;
}

export interface RndisInitialize extends Request {
  readonly kind: 'initialize';
  readonly major: number;
  readonly minor: number;
  readonly maxTransferBytes: number;
}

export interface RndisInitializeComplete extends Answer {
  readonly kind: 'initializeComplete';
  readonly major: number;
  readonly minor: number;
  /** 1 = connectionless. */
  readonly deviceFlags: number;
  /** 0 = Ethernet. */
  readonly medium: number;
  /** How many PACKET messages one transfer may carry, one after the other. */
  readonly maxPackets: number;
  readonly maxTransferBytes: number;
  /** Each of them begins at a multiple of 2 to the power of this. */
  readonly alignmentFactor: number;
}

/** A control message of either side. Views (`info`, `buffer`) are on the bytes decoded. */
export type RndisControlMessage =
  | RndisInitialize
  | RndisInitializeComplete
  | ({ readonly kind: 'halt' | 'keepalive' } & Request)
  | ({ readonly kind: 'query' | 'set'; readonly oid: number; readonly info: Uint8Array } & Request)
  | ({ readonly kind: 'queryComplete'; readonly info: Uint8Array } & Answer)
  | ({ readonly kind: 'setComplete' | 'keepaliveComplete' } & Answer)
  | { readonly kind: 'reset' }
  | { readonly kind: 'resetComplete'; readonly status: number; readonly addressingReset: boolean }
  /** See {@link RndisIndication}. */
  | { readonly kind: 'indicateStatus'; readonly status: number; readonly buffer: Uint8Array };
