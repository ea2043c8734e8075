// SPDX-License-Identifier: MIT
//
// The messages of NVSP, which carry a synthetic network card: names, numbers and shapes. Bytes: nvsp-guest.ts, nvsp-host.ts.
// Source of the numbers: drivers/net/hyperv/hyperv_net.h of the Linux kernel.

/** Protocol versions, oldest first. */
export const NvspVersion = {
  v1: 0x0000_0002,
  v2: 0x0003_0002,
  v4: 0x0004_0000,
  v5: 0x0005_0000,
  v6: 0x0006_0000,
  v61: 0x0006_0001,
} as const;

/** Message types. Those between that are missing were never used, or are no more. */
export const NvspType = {
  init: 1,
  initComplete: 2,
  ndisVersion: 100,
  receiveBuffer: 101,
  receiveBufferComplete: 102,
  revokeReceiveBuffer: 103,
  sendBuffer: 104,
  sendBufferComplete: 105,
  revokeSendBuffer: 106,
  rndisPacket: 107,
  rndisPacketComplete: 108,
  ndisConfig: 125,
  virtualFunction: 128,
  switchDataPath: 129,
  oidQuery: 131,
  oidQueryComplete: 132,
  subchannel: 133,
  indirectionTable: 134,
} as const;

/** What a request came to. Any value but `success` is a no. */
export const NvspStatus = {
  none: 0,
  success: 1,
  failure: 2,
  tooNew: 3,
  tooOld: 4,
  invalidRndisPacket: 5,
  busy: 6,
  unsupported: 7,
} as const;

/** Bits of the NDIS configuration. */
export const NdisCapability = {
  vmq: 0x01n,
  chimney: 0x02n,
  sriov: 0x04n,
  vlan: 0x08n,
  correlationId: 0x10n,
  teaming: 0x20n,
  virtualSubnet: 0x40n,
  receiveCoalescing: 0x80n,
} as const;

/** Which of the two kinds of RNDIS messages a packet carries. Some guests say 2; only 1 means anything. */
export const RndisChannel = { data: 0, control: 1 } as const;

/** Section index that means: nothing of this message is in the send buffer. */
export const noSection = 0xffff_ffff;
/** Id that guests give their receive buffer. */
export const receiveBufferId = 0xcafe;
/** Bytes of every message but the indirection table and a guest's completion, as Linux sends them and as hosts of 6.1 do. */
export const nvspMessageBytes = 40;
/** Entries of an indirection table; no other number is allowed. */
export const indirectionEntries = 16;

/** RNDIS messages are somewhere: in the send buffer, in pages of the guest, or in the receive buffer. */
export interface NvspRndisPacket {
  readonly kind: 'rndisPacket';
  /** See {@link RndisChannel}. */
  readonly channelType: number;
  /** Section of the send buffer, or {@link noSection}. */
  readonly sectionIndex: number;
  readonly sectionBytes: number;
}

export interface NvspRndisPacketComplete {
  readonly kind: 'rndisPacketComplete';
  /** See {@link NvspStatus}. */
  readonly status: number;
}

export interface NvspSwitchDataPath {
  readonly kind: 'switchDataPath';
  readonly isVirtualFunction: boolean;
}

/** A message of the guest. */
export type NvspGuestMessage =
  | { readonly kind: 'init'; readonly minVersion: number; readonly maxVersion: number }
  | { readonly kind: 'ndisVersion'; readonly major: number; readonly minor: number }
  | { readonly kind: 'receiveBuffer' | 'sendBuffer'; readonly gpadl: number; readonly bufferId: number }
  | { readonly kind: 'revokeReceiveBuffer' | 'revokeSendBuffer'; readonly bufferId: number }
  /** `mtu` counts the 14 bytes of the Ethernet header. */
  | { readonly kind: 'ndisConfig'; readonly mtu: number; readonly capabilities: bigint }
  | { readonly kind: 'oidQuery'; readonly oid: number }
  /** Operation 1 allocates; there is no other. */
  | { readonly kind: 'subchannel'; readonly operation: number; readonly count: number }
  | NvspSwitchDataPath
  | NvspRndisPacket
  | NvspRndisPacketComplete
  /** A type that has a number and no use. */
  | { readonly kind: 'unused'; readonly type: number };

/** A part of the receive buffer, cut into sub-allocations of one size. */
export interface NvspReceiveSection {
  readonly offset: number;
  readonly sectionBytes: number;
  readonly count: number;
  readonly endOffset: number;
}

/** A message of the host. */
export type NvspHostMessage =
  | {
      readonly kind: 'initComplete';
      /** 2 where version 1 was agreed on, else 0xFFFFFFFF. */
      readonly legacyVersion: number;
      readonly maxMdlChain: number;
      readonly status: number;
    }
  | {
      readonly kind: 'receiveBufferComplete';
      readonly status: number;
      readonly sections: readonly NvspReceiveSection[];
    }
  | { readonly kind: 'sendBufferComplete'; readonly status: number; readonly sectionBytes: number }
  | { readonly kind: 'virtualFunction'; readonly isAllocated: boolean; readonly serial: number }
  /** `status` is one of RNDIS. */
  | { readonly kind: 'oidQueryComplete'; readonly status: number; readonly infoBytes: number }
  | { readonly kind: 'subchannel'; readonly status: number; readonly count: number }
  /** Which channel the guest shall send a flow on, by the low bits of its hash. */
  | { readonly kind: 'indirectionTable'; readonly entries: readonly number[] }
  | NvspSwitchDataPath
  | NvspRndisPacket
  | NvspRndisPacketComplete;
