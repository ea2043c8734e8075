// SPDX-License-Identifier: MIT
//
// vstor packets: what a guest asks, what a host answers, and what a host says unasked.
// Exported by storvsc.ts. Source: struct vstor_packet of drivers/scsi/storvsc_drv.c of the Linux kernel. Little-endian.

import { outOfRange } from '../errors.js';
import { NtStatus, StorageVersion, VstorOperation, vstorBytes, vstorHeaderBytes } from './storvsc-numbers.js';
import { decodeSrb, encodeSrb, type ScsiAddress, type Srb } from './storvsc-srb.js';
import { storageViolation } from './storvsc-violation.js';

/** What a guest asks. */
export type VstorRequest =
  | { readonly kind: 'beginInitialization' | 'endInitialization' | 'queryProperties' }
  | { readonly kind: 'queryVersion'; readonly version: number }
  | { readonly kind: 'createSubchannels'; readonly count: number }
  | { readonly kind: 'executeSrb'; readonly srb: Srb }
  | ({ readonly kind: 'resetLun' | 'resetAdapter' | 'resetBus' } & ScsiAddress);

/** A host's answer to any request: what stands in the body depends on the request. */
export interface VstorReply {
  /** See {@link NtStatus}. */
  readonly status: number;
  readonly body: Uint8Array;
}

/** What a host says unasked. The first two: look again which units there are. */
export type VstorNotice = 'enumerateBus' | 'removeDevice' | 'eventNotification' | 'unknown';

/** What a controller can do. */
export interface StorageProperties {
  readonly maxSubchannels: number;
  readonly isMultichannel: boolean;
  readonly maxTransferBytes: number;
}

const propertiesBytes = 24;
const multichannelFlag = 1;

/**
 * The request in the payload of a guest's packet; bytes beyond the longest packet are not looked at.
 * @throws VmbusError ERR_VMBUS_PROTOCOL
 */
export function decodeVstorRequest(payload: Uint8Array): VstorRequest {
  if (payload.length < vstorBytes.revision1)
    throw storageViolation(`${payload.length} bytes are less than a packet`, { bytes: payload.length });
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const operation = view.getUint32(0, true);
  const body = payload.subarray(vstorHeaderBytes, vstorBytes.revision2);
  const address = { path: view.getUint8(17), target: view.getUint8(18), lun: view.getUint8(19) };
  switch (operation) {
    case VstorOperation.executeSrb:
      return { kind: 'executeSrb', srb: decodeSrb(body) };
    case VstorOperation.resetLun:
      return { kind: 'resetLun', ...address };
    case VstorOperation.resetAdapter:
      return { kind: 'resetAdapter', ...address };
    case VstorOperation.resetBus:
      return { kind: 'resetBus', ...address };
    case VstorOperation.beginInitialization:
      return { kind: 'beginInitialization' };
    case VstorOperation.endInitialization:
      return { kind: 'endInitialization' };
    case VstorOperation.queryVersion:
      return { kind: 'queryVersion', version: view.getUint16(12, true) };
    case VstorOperation.queryProperties:
      return { kind: 'queryProperties' };
    case VstorOperation.createSubchannels:
      return { kind: 'createSubchannels', count: view.getUint16(12, true) };
    default:
      throw storageViolation(`operation ${operation} is not one a guest asks for`, { operation });
  }
}

/**
 * Payload of a guest's request.
 * @param bytes one of {@link vstorBytes}, as the version has it
 * @throws RangeError ERR_OUT_OF_RANGE where a number does not fit its field
 */
export function encodeVstorRequest(request: VstorRequest, bytes: number = vstorBytes.revision2): Uint8Array {
  const payload = blank(VstorOperation[request.kind], 0, bytes);
  const view = new DataView(payload.buffer);
  view.setUint32(4, 1, true);
  const body = payload.subarray(vstorHeaderBytes);
  switch (request.kind) {
    case 'executeSrb':
      encodeSrb(body, request.srb);
      break;
    case 'queryVersion':
      putU16(view, 12, request.version, 'version');
      break;
    case 'createSubchannels':
      putU16(view, 12, request.count, 'count');
      break;
    case 'resetLun':
    case 'resetAdapter':
    case 'resetBus':
      for (const [i, part] of [request.path, request.target, request.lun].entries()) {
        if (!Number.isInteger(part) || part < 0 || part > 0xff) throw outOfRange('address', '0 to 255 each', part);
        payload[17 + i] = part;
      }
      break;
    case 'beginInitialization':
    case 'endInitialization':
    case 'queryProperties':
      break;
    default:
      request satisfies never;
  }
  return payload;
}

/**
 * Payload of a completion: as long as the request was, but no longer than the longest packet; guests insist on it.
 * @param fill writes the body
 */
export function encodeVstorReply(status: number, bytes: number, fill?: (body: Uint8Array) => void): Uint8Array {
  const payload = blank(VstorOperation.completeIo, status, Math.min(bytes, vstorBytes.revision2));
  fill?.(payload.subarray(vstorHeaderBytes));
  return payload;
}

/** The answer in a completion. @throws VmbusError ERR_VMBUS_PROTOCOL when it is too short or something else */
export function decodeVstorReply(payload: Uint8Array): VstorReply {
  if (payload.length < vstorBytes.revision1)
    throw storageViolation(`a completion of ${payload.length} bytes`, { bytes: payload.length });
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const operation = view.getUint32(0, true);
  if (operation !== VstorOperation.completeIo)
    throw storageViolation(`operation ${operation} in a completion`, { operation });
  return { status: view.getUint32(8, true), body: payload.slice(vstorHeaderBytes, vstorBytes.revision2) };
}

/** Writes the version that was accepted. @throws RangeError ERR_OUT_OF_RANGE */
export function encodeVersionReply(body: Uint8Array, version: number): void {
  putU16(new DataView(body.buffer, body.byteOffset, body.length), 0, version, 'version');
}

/** The version that a reply speaks of; whether it was accepted is the reply's status. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeVersionReply(body: Uint8Array): number {
  if (body.length < 2) throw storageViolation(`a version in ${body.length} bytes`, { bytes: body.length });
  return new DataView(body.buffer, body.byteOffset, body.length).getUint16(0, true);
}

/** Writes what a controller can do. @throws RangeError ERR_OUT_OF_RANGE */
export function encodeProperties(body: Uint8Array, properties: StorageProperties): void {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const { maxTransferBytes } = properties;
  if (!Number.isInteger(maxTransferBytes) || maxTransferBytes < 0 || maxTransferBytes > 0xffff_ffff)
    throw outOfRange('maxTransferBytes', '0 to 2^32 - 1', maxTransferBytes);
  putU16(view, 4, properties.maxSubchannels, 'maxSubchannels');
  view.setUint32(8, properties.isMultichannel ? multichannelFlag : 0, true);
  view.setUint32(12, maxTransferBytes, true);
}

/** What a controller says that it can do; nothing is judged. @throws VmbusError ERR_VMBUS_PROTOCOL when it is too short */
export function decodeProperties(body: Uint8Array): StorageProperties {
  if (body.length < propertiesBytes)
    throw storageViolation(`properties in ${body.length} bytes`, { bytes: body.length });
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  return {
    maxSubchannels: view.getUint16(4, true),
    isMultichannel: (view.getUint32(8, true) & multichannelFlag) !== 0,
    maxTransferBytes: view.getUint32(12, true),
  };
}

/** Payload of what a host says unasked. */
export function encodeVstorNotice(notice: Exclude<VstorNotice, 'unknown'>, bytes: number): Uint8Array {
  return blank(VstorOperation[notice], NtStatus.success, bytes);
}

/** What a host said unasked. @throws VmbusError ERR_VMBUS_PROTOCOL when it is too short to say anything */
export function decodeVstorNotice(payload: Uint8Array): VstorNotice {
  if (payload.length < 4) throw storageViolation(`a notice of ${payload.length} bytes`, { bytes: payload.length });
  const operation = new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(0, true);
  if (operation === VstorOperation.enumerateBus) return 'enumerateBus';
  if (operation === VstorOperation.removeDevice) return 'removeDevice';
  return operation === VstorOperation.eventNotification ? 'eventNotification' : 'unknown';
}

/** Bytes of a vstor packet in a version of the protocol. */
export function vstorBytesOf(version: number): number {
  return version >= StorageVersion.win8 ? vstorBytes.revision2 : vstorBytes.revision1;
}

function blank(operation: number, status: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(bytes);
  const view = new DataView(payload.buffer);
  view.setUint32(0, operation, true);
  view.setUint32(8, status, true);
  return payload;
}

function putU16(view: DataView, offset: number, value: number, name: string): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff) throw outOfRange(name, '0 to 65535', value);
  view.setUint16(offset, value, true);
}
