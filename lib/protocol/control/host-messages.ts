// SPDX-License-Identifier: MIT
//
// Control messages of the host, encoded. Called by: lib/host/control/control-path.ts. Little-endian.
// Source: struct vmbus_channel_* in include/linux/hyperv.h of Linux.

import { type Guid, guidToBytes } from '../../guid.js';
import { ControlType, userDataBytes } from './types.js';

/** Everything that an offer says. */
export interface Offer {
  readonly classGuid: Guid;
  readonly instanceGuid: Guid;
  readonly flags: number;
  readonly mmioMegabytes: number;
  /** At most 120 bytes. */
  readonly userData: Uint8Array;
  readonly subchannelIndex: number;
  readonly relid: number;
  /** Null for a channel that is signalled by a hypercall. */
  readonly monitorId: number | null;
  /** What the guest names to signal the channel. */
  readonly connectionId: number;
}

/** `monitorid` of an offer that has none. */
const noMonitor = 0xff;

function message(type: number, bytes: number, fill: (view: DataView) => void = () => undefined): Uint8Array {
  const result = new Uint8Array(bytes);
  const view = new DataView(result.buffer);
  view.setUint32(0, type, true);
  fill(view);
  return result;
}

/** Words from offset 8 on. */
function words(type: number, ...values: readonly number[]): Uint8Array {
  return message(type, 8 + 4 * values.length, (view) => {
    for (const [i, value] of values.entries()) view.setUint32(8 + 4 * i, value, true);
  });
}

export function encodeOffer(offer: Offer): Uint8Array {
  const bytes = message(ControlType.offer, 196, (view) => {
    view.setUint16(56, offer.flags, true);
    view.setUint16(58, offer.mmioMegabytes, true);
    view.setUint16(180, offer.subchannelIndex, true);
    view.setUint32(184, offer.relid, true);
    view.setUint8(188, offer.monitorId ?? noMonitor);
    view.setUint8(189, offer.monitorId === null ? 0 : 1);
    view.setUint16(190, 1, true); // an interrupt of its own, as every host of today has it
    view.setUint32(192, offer.connectionId, true);
  });
  bytes.set(guidToBytes(offer.classGuid), 8);
  bytes.set(guidToBytes(offer.instanceGuid), 24);
  bytes.set(offer.userData.subarray(0, userDataBytes), 60);
  return bytes;
}

export function encodeAllOffersDelivered(): Uint8Array {
  return message(ControlType.allOffersDelivered, 8);
}

/** @param word From 5.0 on the connection that the guest posts to, before that the version. */
export function encodeVersionResponse(isSupported: boolean, word: number): Uint8Array {
  return message(ControlType.versionResponse, 16, (view) => {
    view.setUint8(8, isSupported ? 1 : 0);
    view.setUint32(12, word, true);
  });
}

export function encodeGpadlCreated(relid: number, gpadl: number, status: number): Uint8Array {
  return words(ControlType.gpadlCreated, relid, gpadl, status);
}

export function encodeGpadlTorndown(gpadl: number): Uint8Array {
  return words(ControlType.gpadlTorndown, gpadl);
}

export function encodeOpenResult(relid: number, openId: number, status: number): Uint8Array {
  return words(ControlType.openResult, relid, openId, status);
}

export function encodeRescind(relid: number): Uint8Array {
  return words(ControlType.rescind, relid);
}

export function encodeModifyChannelResponse(relid: number, status: number): Uint8Array {
  return words(ControlType.modifyChannelResponse, relid, status);
}

export function encodeUnloadResponse(): Uint8Array {
  return message(ControlType.unloadResponse, 8);
}

/** @param status An NT status, 0 for a connection that is being offered. */
export function encodeSocketConnectResult(endpoint: Guid, service: Guid, status: number): Uint8Array {
  const bytes = message(ControlType.socketConnectResult, 44, (view) => view.setUint32(40, status, true));
  bytes.set(guidToBytes(endpoint), 8);
  bytes.set(guidToBytes(service), 24);
  return bytes;
}
