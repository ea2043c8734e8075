// SPDX-License-Identifier: MIT
//
// Bodies of the file copy service (guest services): the host starts a file, writes it piece by piece, completes or cancels it.
// Each is answered by its status before the next is sent.
// Shared by host/providers/fcopy.ts, devices/ and fcopy-device.ts, whose messages differ in how names are written. Source of the facts: struct hv_start_fcopy and struct hv_do_fcopy in
// include/uapi/linux/hyperv.h; tools/hv/hv_fcopy_uio_daemon.c.
//
// Body: u32 operation, 32 bytes zero; then
//   start  name u16[260], path u16[260], u32 flags, u64 file size      write  u32 zero, u64 offset, u32 size, data
//   complete, cancel  nothing

import { types } from 'node:util';
import { invalidType, outOfRange } from '../errors.js';
import { type Guid, parseGuid } from '../guid.js';
import { getText, hasNul, putText } from './ic-text.js';
import { needBytes, protocolViolation, putUint, putUint64, viewOf } from './wire-fields.js';

/** Class GUID of the file copy device. */
export const fcopyClass: Guid = parseGuid('34d14be3-dee4-41c8-9ae7-6b174977c192');
/** Instance GUID that Hyper-V gives it. */
export const fcopyInstance: Guid = parseGuid('eb765408-105f-49b6-b4aa-c123b64d17d4');

/** Numbers of the operations. */
export const FcopyOperation = { start: 0, write: 1, complete: 2, cancel: 3 } as const;
/** Bits of the flags of a start. */
export const FcopyFlag = { overwrite: 1, createPath: 2 } as const;

/** Most bytes of a piece. */
export const fcopyPieceBytes = 6144;

const headerBytes = 36;
const nameBytes = 520;
const pathOffset = headerBytes + nameBytes;
const startFlags = pathOffset + nameBytes;
const startSize = startFlags + 4;
const startBytes = startSize + 8;
const writeOffset = headerBytes + 4;
const writeSize = writeOffset + 8;
const writeData = writeSize + 4;
/** Offsets in files have a sign. */
const mostOffset = 0x7fff_ffff_ffff_ffffn;

/** A request of the host. */
export type FcopyRequest =
  | FcopyStart
  | { readonly kind: 'write'; readonly offset: bigint; readonly data: Uint8Array }
  | { readonly kind: 'complete' }
  | { readonly kind: 'cancel' };

/** The beginning of a file. The guest must mistrust its names. */
export interface FcopyStart {
  readonly kind: 'start';
  /** At most 259 UTF-16 units. */
  readonly name: string;
  /** Folder in the guest; at most 259 UTF-16 units. */
  readonly path: string;
  /** See {@link FcopyFlag}. */
  readonly flags: number;
  readonly sizeBytes: bigint;
}

/** How names stand in their fields, which are the same size either way. */
export interface FcopyNames {
  /** Writes one, ended and filled up with zeros. @throws TypeError, RangeError */
  put(body: Uint8Array, offset: number, fieldBytes: number, text: string, name: string): unknown;
  /** @throws VmbusError ERR_VMBUS_PROTOCOL for one that does not end */
  get(body: Uint8Array, offset: number, fieldBytes: number): string;
}

const utf16Names: FcopyNames = {
  put: putText,
  get(body, offset, fieldBytes) {
    if (!hasNul(body, offset, fieldBytes)) throw protocolViolation('fcopy', 'a start with a name that does not end');
    return getText(body, offset, fieldBytes);
  },
};

/** Body of a request. @throws TypeError, RangeError */
export function encodeFcopy(request: FcopyRequest): Uint8Array {
  return encodeWith(utf16Names, request);
}

/** The same with other names. */
export function encodeWith(names: FcopyNames, request: FcopyRequest): Uint8Array {
  switch (request.kind) {
    case 'start':
      return build(FcopyOperation.start, startBytes, (body, view) => {
        names.put(body, headerBytes, nameBytes, request.name, 'name');
        names.put(body, pathOffset, nameBytes, request.path, 'path');
        putUint(view, startFlags, 32, request.flags, 'flags');
        putUint64(view, startSize, request.sizeBytes, 'sizeBytes');
      });
    case 'write': {
      const { data, offset } = request;
      if (!types.isUint8Array(data)) throw invalidType('data', 'a Uint8Array', data);
      if (data.length > fcopyPieceBytes)
        throw outOfRange('data.length', `at most ${fcopyPieceBytes} bytes`, data.length);
      return build(FcopyOperation.write, writeData + data.length, (body, view) => {
        putUint64(view, writeOffset, offset, 'offset');
        view.setUint32(writeSize, data.length, true);
        body.set(data, writeData);
      });
    }
    case 'complete':
      return build(FcopyOperation.complete, headerBytes, () => undefined);
    case 'cancel':
      return build(FcopyOperation.cancel, headerBytes, () => undefined);
    default:
      return request satisfies never;
  }
}

/** The request in a body; its answer has the same body. Data of a write is a view on it. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeFcopy(body: Uint8Array): FcopyRequest {
  return decodeWith(utf16Names, body);
}

/** The same with other names. */
export function decodeWith(names: FcopyNames, body: Uint8Array): FcopyRequest {
  needBytes(viewOf(body), headerBytes, 'fcopy', 'request');
  const operation = viewOf(body).getUint32(0, true);
  switch (operation) {
    case FcopyOperation.start:
      return decodeStart(body, names);
    case FcopyOperation.write:
      return decodeWrite(body);
    case FcopyOperation.complete:
      return { kind: 'complete' };
    case FcopyOperation.cancel:
      return { kind: 'cancel' };
    default:
      throw protocolViolation('fcopy', `operation ${operation} is not one a host asks for`, { operation });
  }
}

function build(operation: number, bytes: number, fill: (body: Uint8Array, view: DataView) => void): Uint8Array {
  const body = new Uint8Array(bytes);
  const view = viewOf(body);
  view.setUint32(0, operation, true);
  fill(body, view);
  return body;
}

function decodeStart(body: Uint8Array, names: FcopyNames): FcopyStart {
  needBytes(viewOf(body), startBytes, 'fcopy', 'start');
  const view = viewOf(body);
  return {
    kind: 'start',
    name: names.get(body, headerBytes, nameBytes),
    path: names.get(body, pathOffset, nameBytes),
    flags: view.getUint32(startFlags, true),
    sizeBytes: view.getBigUint64(startSize, true),
  };
}

function decodeWrite(body: Uint8Array): FcopyRequest {
  needBytes(viewOf(body), writeData, 'fcopy', 'write');
  const view = viewOf(body);
  const offset = view.getBigUint64(writeOffset, true);
  const size = view.getUint32(writeSize, true);
  const present = body.length - writeData;
  if (size > fcopyPieceBytes || size > present)
    throw protocolViolation('fcopy', `a write announces ${size} bytes, ${present} follow`, { size, present });
  if (offset > mostOffset - BigInt(size)) throw protocolViolation('fcopy', `a write at offset ${offset}`, { offset });
  return { kind: 'write', offset, data: body.subarray(writeData, writeData + size) };
}
