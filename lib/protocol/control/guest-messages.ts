// SPDX-License-Identifier: MIT
//
// Control messages of the guest, decoded: every field that a host looks at, copied out of the message.
// Called by: lib/host/control/control-path.ts. Little-endian.
// Source: struct vmbus_channel_* in include/linux/hyperv.h of Linux. Messages may be longer than their fields: senders round up.

import { type Guid, guidFromBytes } from '../../guid.js';
import { BusVersion, ControlType, type GuestMessage, userDataBytes } from './types.js';

const headerBytes = 8;
/** Line that guests before 5.0 use, and Linux ever since. */
const usualSint = 2;

/** Least bytes of each message, its header included. */
const leastBytes: Readonly<Record<number, number>> = {
  [ControlType.requestOffers]: 8,
  [ControlType.open]: 148,
  [ControlType.close]: 12,
  [ControlType.gpadlHeader]: 28,
  [ControlType.gpadlBody]: 16,
  [ControlType.gpadlTeardown]: 16,
  [ControlType.relidReleased]: 12,
  [ControlType.initiateContact]: 40,
  [ControlType.unload]: 8,
  [ControlType.socketConnect]: 40,
  [ControlType.modifyChannel]: 16,
};

/** Names of messages, for logs and errors. */
export function controlTypeName(type: number): string {
  return Object.entries(ControlType).find(([, number]) => number === type)?.[0] ?? `type ${type}`;
}

/** The message, or a sentence that says what is wrong with it. */
export function decodeGuestMessage(bytes: Uint8Array): GuestMessage | string {
  if (bytes.length < headerBytes) return `a control message of ${bytes.length} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const type = view.getUint32(0, true);
  const least = leastBytes[type];
  if (least === undefined) return `a control message of ${controlTypeName(type)}, which no guest sends`;
  if (bytes.length < least) return `${controlTypeName(type)} of ${bytes.length} bytes, ${least} needed`;
  return decodeBody(type as GuestMessage['type'], view, bytes);
}

function decodeBody(type: GuestMessage['type'], view: DataView, bytes: Uint8Array): GuestMessage {
  const word = (at: number): number => view.getUint32(at, true);
  switch (type) {
    case ControlType.initiateContact: {
      const version = word(8);
      const hasLine = version >= BusVersion.win10v5;
      return {
        type,
        version,
        processor: word(12),
        sint: hasLine ? view.getUint8(16) : usualSint,
        monitorToGuest: address(view, 24),
        monitorToHost: address(view, 32),
      };
    }
    case ControlType.open:
      return {
        type,
        relid: word(8),
        openId: word(12),
        gpadl: word(16),
        processor: word(20),
        splitPage: word(24),
        userData: bytes.slice(28, 28 + userDataBytes),
      };
    case ControlType.gpadlHeader:
      return {
        type,
        relid: word(8),
        gpadl: word(12),
        rangeBytes: view.getUint16(16, true),
        rangeCount: view.getUint16(18, true),
        ranges: bytes.slice(20),
      };
    case ControlType.gpadlBody:
      return { type, gpadl: word(12), ranges: bytes.slice(16) };
    case ControlType.gpadlTeardown:
      return { type, relid: word(8), gpadl: word(12) };
    case ControlType.close:
    case ControlType.relidReleased:
      return { type, relid: word(8) };
    case ControlType.modifyChannel:
      return { type, relid: word(8), processor: word(12) };
    case ControlType.socketConnect:
      return { type, endpoint: guid(bytes, 8), service: guid(bytes, 24) };
    case ControlType.requestOffers:
    case ControlType.unload:
      return { type };
  }
}

function guid(bytes: Uint8Array, at: number): Guid {
  return guidFromBytes(bytes.subarray(at, at + 16));
}

/** Beyond 2^53 there is no memory; such an address is answered as one that fails every later check. */
function address(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}
