// SPDX-License-Identifier: MIT
//
// The frame that every integration service shares: pipe header, header of the message, statuses. The host asks, the guest
// answers in the same bytes. Bodies are the services' own: heartbeat.ts, shutdown.ts, timesync.ts, kvp.ts, vss.ts, fcopy.ts;
// the versions are agreed on by ic-negotiation.ts.
// Shared by host/providers/ and devices/.
// Source of the facts: struct vmbuspipe_hdr and struct icmsg_hdr in include/linux/hyperv.h; drivers/hv/channel_mgmt.c.
//
// Behind the pipe header (pipe.ts):
//   0 u16 u16 framework version      6 u16 u16 message version     12 u32 status, 0 in a request
//   4 u16 type of the message       10 u16 bytes of the body       16 u8 transaction id, 17 u8 flags, 18 u16 zero, 20 body

import { checkInteger } from '../check.js';
import { outOfRange } from '../errors.js';
import { buildPipe, openPipe, pipeHeaderBytes } from './pipe.js';
import { needBytes, protocolViolation, putUint, viewOf } from './wire-fields.js';

const headerBytes = 20;
/** Bytes before the body in a payload. */
export const icHeaderBytes: number = pipeHeaderBytes + headerBytes;
const statusOffset = 12;
const flagsOffset = 17;
const sizeOffset = 10;

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
  accessDenied: 0x8007_0005,
  fileExists: 0x8007_0050,
  fileTooLarge: 0x8007_00df,
  invalidName: 0x8007_007b,
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
  checkInteger(major, 'major', 0, 0xffff);
  checkInteger(minor, 'minor', 0, 0xffff);
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
  checkInteger(version, 'version', 0, 0xffff_ffff);
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
  return buildPipe(headerBytes + body.length, (view) => {
    putVersion(view, 0, framework);
    putUint(view, 4, 16, type, 'type');
    putVersion(view, 6, version);
    view.setUint16(sizeOffset, body.length, true);
    putUint(view, statusOffset, 32, status, 'status');
    putUint(view, 16, 8, transactionId, 'transactionId');
    putUint(view, flagsOffset, 8, flags, 'flags');
    new Uint8Array(view.buffer, view.byteOffset).set(body, headerBytes);
  });
}

/**
 * The message in a payload. The ring rounds payloads up to 8 bytes, so the sizes in the headers count. The body is a view on
 * the payload. `service` is who the error names.
 * @throws VmbusError ERR_VMBUS_PROTOCOL
 */
export function decodeIcMessage(payload: Uint8Array, service = 'ic'): Required<IcMessage> {
  const view = openPipe(payload, service);
  needBytes(view, headerBytes, service, 'header');
  const size = view.getUint16(sizeOffset, true);
  if (size > view.byteLength - headerBytes)
    throw protocolViolation(service, `header announces a body of ${size} bytes in a message of ${view.byteLength}`, {
      size,
      bytes: view.byteLength,
    });
  return {
    framework: getVersion(view, 0),
    type: view.getUint16(4, true),
    version: getVersion(view, 6),
    status: view.getUint32(statusOffset, true),
    transactionId: view.getUint8(16),
    flags: view.getUint8(flagsOffset),
    body: payload.subarray(icHeaderBytes, icHeaderBytes + size),
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
  if (bodyBytes !== undefined) checkInteger(bodyBytes, 'bodyBytes', 0, room);
  const reply = Uint8Array.from(request);
  const view = viewOf(reply.subarray(pipeHeaderBytes));
  putUint(view, statusOffset, 32, status, 'status');
  view.setUint8(flagsOffset, IcFlag.transaction | IcFlag.response);
  if (body) reply.set(body, icHeaderBytes);
  if (bodyBytes !== undefined) view.setUint16(sizeOffset, bodyBytes, true);
  return reply;
}
