// SPDX-License-Identifier: MIT
//
// The messages of dynamic memory (balloon, hot add) as plain objects: names, numbers and units. Their bytes are in
// dynamic-memory.ts, which exports all of this too. Shared by the guest side (devices/memory) and the simulated host.
// Source of the facts: enum dm_message_type and the dm_* structures of drivers/hv/hv_balloon.c of the Linux kernel.

import type { Guid } from '../guid.js';
import { parseGuid } from '../guid.js';

/** Class of the dynamic memory device. */
export const dynamicMemoryClass: Guid = parseGuid('525074dc-8985-46e2-8057-a307dc18a502');

/** Bytes of a page in this protocol, whatever the guest's own page size is. */
export const memoryPageBytes = 4096;
/** No message is longer: the kernel's driver receives into a buffer of this size. */
export const maxMemoryMessageBytes = 4096;
/** Ranges that fit into one balloon response of {@link maxMemoryMessageBytes}. */
export const maxRangesPerMessage: number = (maxMemoryMessageBytes - 16) / 8;
/** Largest page count of one range (24 bits). */
export const maxPagesPerRange = 0xff_ffff;
/** Largest first page of a range (40 bits). */
export const maxPageNumber = 0xff_ffff_ffffn;

/** Type word of each message. */
export const MemoryMessageType = {
  error: 0,
  versionRequest: 1,
  versionResponse: 2,
  capabilitiesReport: 3,
  capabilitiesResponse: 4,
  statusReport: 5,
  balloonRequest: 6,
  balloonResponse: 7,
  unballoonRequest: 8,
  unballoonResponse: 9,
  hotAddRequest: 10,
  hotAddResponse: 11,
  info: 12,
  hotRemoveRequest: 13,
  hotRemoveResponse: 14,
} as const;

/** Protocol versions, major in the upper 16 bits, newest first as a guest offers them. */
export const MemoryVersion = { win10: 0x2_0000, win8_1: 0x1_0000, win8: 0x3 } as const;

/** Capability bits of the guest. Bits 2-5 hold the hot-add alignment, see {@link MemoryCapabilities}. */
export const MemoryCapability = { balloon: 1n, hotAdd: 2n, hotRemove: 64n } as const;

/** Bits of the host's answer to the capabilities. */
export const MemoryCapabilityAnswer = { accepted: 1n, hotRemove: 2n, suppressReports: 4n } as const;

/** Type of the only info message there is: the most pages the machine can ever have. */
const maxPageCountInfo = 0;

/** A run of pages, 4096 bytes each. */
export interface PageRange {
  /** Page frame number, at most 40 bits. */
  readonly firstPage: bigint;
  /** At most 24 bits. */
  readonly pageCount: number;
}

/** What a guest can do. */
export interface MemoryCapabilities {
  readonly balloon: boolean;
  readonly hotAdd: boolean;
  /** Hot-added memory must be aligned to 2^n MiB; 0-15. */
  readonly hotAddAlignment: number;
  readonly hotRemove: boolean;
}

interface Message<Kind extends string> {
  readonly kind: Kind;
  /** Chosen by the sender. 32 bits. */
  readonly transactionId: number;
}

export interface VersionRequest extends Message<'versionRequest'> {
  /** See {@link MemoryVersion}. */
  readonly version: number;
  readonly isLastAttempt: boolean;
}
export interface VersionResponse extends Message<'versionResponse'> {
  readonly isAccepted: boolean;
}
export interface CapabilitiesReport extends Message<'capabilitiesReport'> {
  readonly capabilities: MemoryCapabilities;
  readonly minPageCount: bigint;
  readonly maxPageNumber: bigint;
}
export interface CapabilitiesResponse extends Message<'capabilitiesResponse'> {
  readonly isAccepted: boolean;
  readonly hotRemove: boolean;
  /** The host does not want status reports. The kernel's own driver sends them all the same. */
  readonly suppressReports: boolean;
}
/** All figures in pages, but the two last. */
export interface StatusReport extends Message<'statusReport'> {
  readonly availablePages: bigint;
  readonly committedPages: bigint;
  readonly pageFilePages: bigint;
  readonly zeroAndFreePages: bigint;
  readonly pageFileWrites: number;
  readonly ioDifference: number;
}
export interface BalloonRequest extends Message<'balloonRequest'> {
  readonly pageCount: number;
}
export interface BalloonResponse extends Message<'balloonResponse'> {
  readonly moreToCome: boolean;
  /** None = nothing (more) can be given. */
  readonly ranges: readonly PageRange[];
}
export interface UnballoonRequest extends Message<'unballoonRequest'> {
  readonly moreToCome: boolean;
  readonly ranges: readonly PageRange[];
}
export interface UnballoonResponse extends Message<'unballoonResponse'> {}
export interface HotAddRequest extends Message<'hotAddRequest'> {
  readonly range: PageRange;
  /** The region that the range lies in; null in the short form. */
  readonly region: PageRange | null;
}
export interface HotAddResponse extends Message<'hotAddResponse'> {
  readonly pageCount: number;
  /** True with no pages means never; false means not now. */
  readonly isSuccess: boolean;
}
export interface InfoMessage extends Message<'info'> {
  /** 0 for the most pages the machine can ever have; others are possible. */
  readonly infoType: number;
  readonly data: Uint8Array;
}
export interface HotRemoveRequest extends Message<'hotRemoveRequest'> {
  readonly virtualNode: number;
  readonly pageCount: number;
  readonly qualityOfService: number;
}
export interface HotRemoveResponse extends Message<'hotRemoveResponse'> {
  /** Result code, not interpreted. */
  readonly result: number;
  readonly moreToCome: boolean;
  readonly ranges: readonly PageRange[];
}

/** What a guest sends. */
export type MemoryGuestMessage =
  | VersionRequest
  | CapabilitiesReport
  | StatusReport
  | BalloonResponse
  | UnballoonResponse
  | HotAddResponse
  | HotRemoveResponse;

/** What a host sends. */
export type MemoryHostMessage =
  | VersionResponse
  | CapabilitiesResponse
  | BalloonRequest
  | UnballoonRequest
  | HotAddRequest
  | InfoMessage
  | HotRemoveRequest;

/** The page count in an info message, null if it is about something else. */
export function infoMaxPageCount(message: InfoMessage): bigint | null {
  if (message.infoType !== maxPageCountInfo || message.data.length !== 8) return null;
  return new DataView(message.data.buffer, message.data.byteOffset, 8).getBigUint64(0, true);
}
