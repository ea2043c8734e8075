// SPDX-License-Identifier: MIT
//
// The frame that every integration service shares: pipe header, header of the message, statuses. The host asks, the guest
// answers in the same bytes. Bodies are the services' own: heartbeat.ts, shutdown.ts, timesync.ts, kvp.ts, vss.ts, fcopy.ts;
// the versions are agreed on by ic-negotiation.ts.
// Shared by host/providers/ and devices/.
// Source of the facts: struct vmbuspipe_hdr and struct icmsg_hdr in include/linux/hyperv.h; drivers/hv/channel_mgmt.c.
//
//   0 u32 pipe packet type, 1 = data      8 u16 u16 framework version    20 u32 status, 0 in a request
//   4 u32 bytes from offset 8 on         12 u16 type of the message      24 u8 transaction id, 25 u8 flags, 26 u16 zero
//                                        14 u16 u16 message version      28 body
//                                        18 u16 bytes of the body

import { invalidType, outOfRange } from '../errors.js';
import { checkWhole, viewOf, violation } from './ic-wire.js';

/** Bytes before the body. */
export const icHeaderBytes = 28;
const pipeHeaderBytes = 8;
const messageHeaderBytes = icHeaderBytes - pipeHeaderBytes;
const pipeData = 1;

/** Types of messages. 6 (remote desktop) and 8 (session) exist, and are nobody's here. */
export const IcType = { negotiate: 0, heartbeat: 1, kvp: 2, shutdown: 3, timesync: 4, vss: 5, fcopy: 7 } as const;

/** Bits of the flags. */
export const IcFlag = { transaction: 1, request: 2, response: 4 } as const;

/** What a guest can answer: Windows error codes. */
export const IcStatus = {
  done: 0,
  failed: 0x8000_4005,
  /** The end of an enumeration; from Linux also: no such key. */
  noMoreItems: 0x8007_0103,
  notSupported: 0x8007_0032,
  invalidArgument: 0x8007_0057,
  /** No adapter of that GUID. */
  notFound: 0x8004_1002,
  fileExists: 0x8007_0050,
  diskFull: 0x8007_0070,
  notConnected: 0x8007_048f,
  machineLocked: 0x8007_04f7,
} as const;

const statusNames: ReadonlyMap<number, string> = new Map(
  Object.entries(IcStatus).map(([name, value]) => [value, name]),
);

/** Name of a status as in {@link IcStatus}; its digits where it has none. */
export function icStatusName(status: number): string {
  return statusNames.get(status) ?? `0x${status.toString(16).padStart(8, '0')}`;
}

/** A version of the framework or of a service: major in the upper 16 bits, minor in the lower. Compare as numbers. */
export type IcVersion = number;

/** @throws TypeError, RangeError where one does not fit 16 bits */
export function icVersion(major: number, minor: number): IcVersion {
  checkWhole(major, 'major', 0xffff);
  checkWhole(minor, 'minor', 0xffff);
  return major * 0x1_0000 + minor;
}

/** A version as people write it: `3.2`. */
export function icVersionName(version: IcVersion): string {
  return `${version >>> 16}.${version & 0xffff}`;
}

/** The version in four bytes of a message: major first, each little-endian. */
export function getVersion(view: DataView, offset: number): IcVersion {
  return view.getUint16(offset, true) * 0x1_0000 + view.getUint16(offset + 2, true);
}

/** @throws TypeError, RangeError for what is no version */
export function putVersion(view: DataView, offset: number, version: IcVersion): void {
  checkWhole(version, 'version', 0xffff_ffff);
  view.setUint16(offset, version >>> 16, true);
  view.setUint16(offset + 2, version & 0xffff, true);
}

/** A message with its header, either way. */
export interface IcMessage {
  /** 0 while versions are being negotiated. */
  readonly framework: IcVersion;
  /** See {@link IcType}. */
  readonly type: number;
  /** 0 while versions are being negotiated. */
  readonly version: IcVersion;
  /** See {@link IcStatus}; default 0. */
  readonly status?: number;
  /** Default 0. */
  readonly transactionId?: number;
  /** See {@link IcFlag}; default: a request that wants an answer. */
  readonly flags?: number;
  readonly body: Uint8Array;
}

/** Payload of a message. @throws TypeError, RangeError where something does not fit its field */
export function encodeIcMessage(message: IcMessage): Uint8Array {
  const { framework, type, version, body, status = 0, transactionId = 0 } = message;
  const flags = message.flags ?? IcFlag.transaction | IcFlag.request;
  if (body.length > 0xffff) throw outOfRange('body.length', 'at most 65535 bytes', body.length);
  checkWhole(type, 'type', 0xffff);
  checkWhole(status, 'status', 0xffff_ffff);
  checkWhole(transactionId, 'transactionId', 0xff);
  checkWhole(flags, 'flags', 0xff);
  const payload = new Uint8Array(icHeaderBytes + body.length);
  const view = viewOf(payload);
  view.setUint32(0, pipeData, true);
  view.setUint32(4, messageHeaderBytes + body.length, true);
  putVersion(view, 8, framework);
  view.setUint16(12, type, true);
  putVersion(view, 14, version);
  view.setUint16(18, body.length, true);
  view.setUint32(20, status, true);
  view.setUint8(24, transactionId);
  view.setUint8(25, flags);
  payload.set(body, icHeaderBytes);
  return payload;
}

/**
 * The message in a payload. The ring rounds payloads up to 8 bytes, so the sizes in the headers count. The body is a view on
 * the payload.
 * @throws VmbusError ERR_VMBUS_PROTOCOL
 */
export function decodeIcMessage(payload: Uint8Array): Required<IcMessage> {
  const bytes = payload.length;
  if (bytes < icHeaderBytes) throw violation('ic', `${bytes} bytes are less than a header`, { bytes });
  const view = viewOf(payload);
  const pipeType = view.getUint32(0, true);
  if (pipeType !== pipeData)
    throw violation('ic', `pipe packet of type ${pipeType}, ${pipeData} expected`, { pipeType });
  const pipeBytes = view.getUint32(4, true);
  if (pipeBytes < messageHeaderBytes || pipeBytes > bytes - pipeHeaderBytes)
    throw violation('ic', `pipe header announces ${pipeBytes} bytes, ${bytes - pipeHeaderBytes} follow`, {
      pipeBytes,
      bytes,
    });
  const bodyBytes = view.getUint16(18, true);
  if (bodyBytes > pipeBytes - messageHeaderBytes)
    throw violation('ic', `header announces a body of ${bodyBytes} bytes in a pipe packet of ${pipeBytes}`, {
      bodyBytes,
      pipeBytes,
    });
  return {
    framework: getVersion(view, 8),
    type: view.getUint16(12, true),
    version: getVersion(view, 14),
    status: view.getUint32(20, true),
    transactionId: view.getUint8(24),
    flags: view.getUint8(25),
    body: payload.subarray(icHeaderBytes, icHeaderBytes + bodyBytes),
  };
}

/** What changes between a request and its answer. */
export interface IcReply {
  /** See {@link IcStatus}. */
  readonly status: number;
  /** Put over the beginning of the request's body; nothing changes where absent. */
  readonly body?: Uint8Array;
  /** What the header shall say of the body's size; as in the request where absent. */
  readonly bodyBytes?: number;
}

/**
 * Payload of the answer to a request: the same bytes and length, but for the status, the flags and what the body answers.
 * @throws RangeError ERR_OUT_OF_RANGE for an answer longer than the request; VmbusError ERR_VMBUS_PROTOCOL for no request
 */
export function encodeIcReply(request: Uint8Array, { status, body, bodyBytes }: IcReply): Uint8Array {
  const room = decodeIcMessage(request).body.length;
  if (body && body.length > room) throw outOfRange('body.length', `at most ${room} bytes`, body.length);
  if (bodyBytes !== undefined) checkWhole(bodyBytes, 'bodyBytes', room);
  if (typeof status !== 'number') throw invalidType('status', 'a number', status);
  checkWhole(status, 'status', 0xffff_ffff);
  const reply = Uint8Array.from(request);
  const view = viewOf(reply);
  view.setUint32(20, status, true);
  view.setUint8(25, IcFlag.transaction | IcFlag.response);
  if (body) reply.set(body, icHeaderBytes);
  if (bodyBytes !== undefined) view.setUint16(18, bodyBytes, true);
  return reply;
}
