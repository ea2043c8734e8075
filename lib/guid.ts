// SPDX-License-Identifier: MIT
//
// GUIDs as the library holds them: lower case, no braces; and their two byte orders.
// Source: RFC 9562 for the text form; the first three fields are little-endian in every Hyper-V message.

import { types } from 'node:util';

import { invalidType, invalidValue } from './errors.js';

/** A GUID in lower case, without braces. Make one with {@link parseGuid}. */
export type Guid = string & { readonly __guid: true };

const text = /^\{?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\}?$/;

/** True for a GUID in any case, with or without braces. */
export function isGuid(value: unknown): boolean {
  return typeof value === 'string' && text.test(value.trim().toLowerCase());
}

/**
 * The GUID in a text: any case, with or without braces.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 */
export function parseGuid(value: string, argument = 'guid'): Guid {
  if (typeof value !== 'string') throw invalidType(argument, 'a GUID as a string', value);
  const match = text.exec(value.trim().toLowerCase());
  if (!match?.[1]) throw invalidValue(argument, 'must be a GUID (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)', value);
  return match[1] as Guid;
}

/** The 16 bytes of a GUID as Hyper-V sends them: the first three fields little-endian. @throws TypeError as {@link parseGuid} */
export function guidToBytes(guid: Guid): Uint8Array {
  const hex = parseGuid(guid).replaceAll('-', '');
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
  return swapFields(bytes);
}

/** The GUID in 16 bytes of a Hyper-V message. @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
export function guidFromBytes(bytes: Uint8Array): Guid {
  if (!types.isUint8Array(bytes)) throw invalidType('bytes', 'a Uint8Array of 16 bytes', bytes);
  if (bytes.length !== 16) throw invalidValue('bytes', 'must be 16 bytes', bytes);
  const hex = [...swapFields(Uint8Array.from(bytes))].map((b) => b.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-') as Guid;
}

function swapFields(bytes: Uint8Array): Uint8Array {
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
