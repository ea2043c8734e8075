// SPDX-License-Identifier: MIT
//
// What the messages of all integration services have in common below their headers: checked numbers, UTF-16LE text, and the
// error for a message that breaks a rule.
// Called by the codecs of the integration services only.

import { invalidType, invalidValue, outOfRange, VmbusError } from '../errors.js';

/** The error for a message that breaks the protocol of a service. */
export function violation(service: string, detail: string, facts: Readonly<Record<string, unknown>> = {}): VmbusError {
  return new VmbusError('ERR_VMBUS_PROTOCOL', `${service}: ${detail}`, { facts: { service, detail, ...facts } });
}

/** A view on bytes, to read and write numbers by their offsets. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** @throws VmbusError ERR_VMBUS_PROTOCOL when the body is shorter than what it is said to be */
export function need(service: string, body: Uint8Array, bytes: number, what: string): void {
  if (body.length < bytes)
    throw violation(service, `${what} of ${body.length} bytes, ${bytes} needed`, { bytes: body.length });
}

/** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function checkWhole(value: unknown, name: string, most: number): asserts value is number {
  if (typeof value !== 'number') throw invalidType(name, 'a number', value);
  if (!Number.isInteger(value) || value < 0 || value > most) throw outOfRange(name, `an integer in 0 … ${most}`, value);
}

/** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function putU8(view: DataView, offset: number, value: number, name: string): void {
  checkWhole(value, name, 0xff);
  view.setUint8(offset, value);
}

/** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function putU32(view: DataView, offset: number, value: number, name: string): void {
  checkWhole(value, name, 0xffff_ffff);
  view.setUint32(offset, value, true);
}

/** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function putU64(view: DataView, offset: number, value: bigint, name: string): void {
  if (typeof value !== 'bigint') throw invalidType(name, 'a bigint', value);
  if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw outOfRange(name, '0n to 2^64 - 1', value);
  view.setBigUint64(offset, value, true);
}

/** The text in a field: up to its NUL, or all of it where there is none. */
export function getText(bytes: Uint8Array, offset: number, fieldBytes: number): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + offset, fieldBytes).toString('utf16le');
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** Whether a field holds a NUL, as a text must that is not cut off. */
export function hasNul(bytes: Uint8Array, offset: number, fieldBytes: number): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, fieldBytes)
    .toString('utf16le')
    .includes('\0');
}

/**
 * Writes a text with its NUL and zeros up to the end of the field. Answers its bytes with the NUL.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for a text with a NUL in it; RangeError ERR_OUT_OF_RANGE
 */
export function putText(bytes: Uint8Array, offset: number, fieldBytes: number, text: string, name: string): number {
  if (typeof text !== 'string') throw invalidType(name, 'a string', text);
  if (text.includes('\0')) throw invalidValue(name, 'must not contain a NUL', text);
  const most = fieldBytes / 2 - 1;
  if (text.length > most) throw outOfRange(`${name}.length`, `at most ${most}`, text.length);
  const field = bytes.subarray(offset, offset + fieldBytes).fill(0);
  field.set(Buffer.from(text, 'utf16le'));
  return (text.length + 1) * 2;
}
