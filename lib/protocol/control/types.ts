// SPDX-License-Identifier: MIT
//
// Control messages of VMBus: their numbers, and what a guest says. Shapes only.
// Used by: guest-messages.ts, host-messages.ts, lib/host/control.
// Source: enum vmbus_channel_message_type in include/linux/hyperv.h of Linux.

import type { Guid } from '../../guid.js';

/** Type numbers, the first word of every control message. */
export const ControlType = {
  offer: 1,
  rescind: 2,
  requestOffers: 3,
  allOffersDelivered: 4,
  open: 5,
  openResult: 6,
  close: 7,
  gpadlHeader: 8,
  gpadlBody: 9,
  gpadlCreated: 10,
  gpadlTeardown: 11,
  gpadlTorndown: 12,
  relidReleased: 13,
  initiateContact: 14,
  versionResponse: 15,
  unload: 16,
  unloadResponse: 17,
  socketConnect: 21,
  modifyChannel: 22,
  socketConnectResult: 23,
  modifyChannelResponse: 24,
} as const;

/** Protocol versions, `major << 16 | minor`, oldest first. */
export const BusVersion = {
  ws2008: 0x0000_000d,
  win7: 0x0001_0001,
  win8: 0x0002_0004,
  win8r2: 0x0003_0000,
  win10: 0x0004_0000,
  win10v41: 0x0004_0001,
  win10v5: 0x0005_0000,
  win10v51: 0x0005_0001,
  win10v52: 0x0005_0002,
  win10v53: 0x0005_0003,
} as const;

/** Bytes that a message may have; the rest of a SynIC slot is its header. */
export const mostControlBytes = 240;
/** Bytes of user data in offers and open requests. */
export const userDataBytes = 120;
/** A virtual processor number that means: no interrupts. */
export const noProcessor = 0xffff_ffff;

/** Text of a version, `5.3`. */
export function busVersionText(version: number): string {
  return `${version >>> 16}.${version & 0xffff}`;
}

/** The guest begins to talk. */
export interface InitiateContact {
  readonly type: typeof ControlType.initiateContact;
  readonly version: number;
  /** Processor that control messages go to. */
  readonly processor: number;
  /** Interrupt line for control messages; from 5.0 on, else 2. */
  readonly sint: number;
  /** Guest physical addresses of the monitor pages, 0 for none. */
  readonly monitorToGuest: number;
  readonly monitorToHost: number;
}

/** The guest opens a channel. */
export interface OpenChannel {
  readonly type: typeof ControlType.open;
  readonly relid: number;
  readonly openId: number;
  readonly gpadl: number;
  /** Processor to interrupt; {@link noProcessor} for none. */
  readonly processor: number;
  /** Page of the buffer where the ring to the guest begins. */
  readonly splitPage: number;
  /** A copy of 120 bytes. */
  readonly userData: Uint8Array;
}

/** The guest shares memory. The pages are in `rangeBuffer` and in the bodies that follow. */
export interface GpadlHeader {
  readonly type: typeof ControlType.gpadlHeader;
  readonly relid: number;
  readonly gpadl: number;
  /** Bytes of all ranges, those of the bodies included. */
  readonly rangeBytes: number;
  readonly rangeCount: number;
  /** What of it came with this message. */
  readonly ranges: Uint8Array;
}

export interface GpadlBody {
  readonly type: typeof ControlType.gpadlBody;
  readonly gpadl: number;
  readonly ranges: Uint8Array;
}

export interface GpadlTeardown {
  readonly type: typeof ControlType.gpadlTeardown;
  readonly relid: number;
  readonly gpadl: number;
}

/** A message about one channel and nothing else. */
export interface ChannelNotice {
  readonly type: typeof ControlType.close | typeof ControlType.relidReleased;
  readonly relid: number;
}

/** A message of its type alone. */
export interface Notice {
  readonly type: typeof ControlType.requestOffers | typeof ControlType.unload;
}

export interface ModifyChannel {
  readonly type: typeof ControlType.modifyChannel;
  readonly relid: number;
  readonly processor: number;
}

/** The guest wants a socket connected. */
export interface SocketConnect {
  readonly type: typeof ControlType.socketConnect;
  readonly endpoint: Guid;
  readonly service: Guid;
}

/** What a guest may say. */
export type GuestMessage =
  | InitiateContact
  | OpenChannel
  | GpadlHeader
  | GpadlBody
  | GpadlTeardown
  | ChannelNotice
  | Notice
  | ModifyChannel
  | SocketConnect;
