// SPDX-License-Identifier: MIT
//
// Texts in the messages of the integration services: UTF-16LE in fields of fixed size.
// Called by the codecs of the integration services only.

import { invalidType, invalidValue, outOfRange } from '../errors.js';

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
