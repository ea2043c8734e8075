// SPDX-License-Identifier: MIT
//
// Numbers and lengths in messages, checked: what a peer sent is compared with what its type needs, and what a script gives
// must fit its field. All little-endian.
// Called by the codecs of the synthetic keyboard, mouse and video, of the integration services, and of sockets.

import { invalidType, outOfRange, VmbusError } from '../errors.js';

/** A view on exactly these bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** @throws VmbusError ERR_VMBUS_PROTOCOL when the message is shorter than its type needs */
export function needBytes(view: DataView, bytes: number, service: string, what: string): void {
  if (view.byteLength >= bytes) return;
  throw protocolViolation(service, `${what} of ${view.byteLength} bytes, ${bytes} needed`, { bytes: view.byteLength });
}

/** The error for a message that breaks the protocol of a service. */
export function protocolViolation(service: string, detail: string, facts: Record<string, unknown> = {}): VmbusError {
  return new VmbusError('ERR_VMBUS_PROTOCOL', `${service}: ${detail}`, { facts: { service, detail, ...facts } });
}

/** Bits of an unsigned field. */
type Width = 8 | 16 | 32;

/** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function putUint(view: DataView, offset: number, bits: Width, value: number, name: string): void {
  checkWhole(value, 0, 2 ** bits - 1, name);
  if (bits === 8) view.setUint8(offset, value);
  else if (bits === 16) view.setUint16(offset, value, true);
  else view.setUint32(offset, value, true);
}

/** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function putInt(view: DataView, offset: number, bits: 16 | 32, value: number, name: string): void {
  checkWhole(value, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, name);
  if (bits === 16) view.setInt16(offset, value, true);
  else view.setInt32(offset, value, true);
}

/** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function putUint64(view: DataView, offset: number, value: bigint, name: string): void {
  if (typeof value !== 'bigint') throw invalidType(name, 'a bigint', value);
  if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw outOfRange(name, '0n … 2^64 - 1', value);
  view.setBigUint64(offset, value, true);
}

function checkWhole(value: number, least: number, most: number, name: string): void {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value);
  if (!Number.isInteger(value) || value < least || value > most)
    throw outOfRange(name, `an integer in ${least} … ${most}`, value);
}
