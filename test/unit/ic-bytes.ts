// SPDX-License-Identifier: MIT
//
// Bytes of integration services as hexadecimal digits, and what only codecs may throw.

import { VmbusError } from '../../dist/errors.js';

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Bytes of hexadecimal digits with blanks. */
export const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

/** The same as a payload of a ring: rounded up to 8 bytes. */
export function ringPayload(text: string): Uint8Array {
  const bytes = unhex(text);
  const payload = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
  payload.set(bytes);
  return payload;
}

/** Runs a decoder of hostile bytes: it answers, or throws ERR_VMBUS_PROTOCOL of its service; anything else is thrown on. */
export function decodedOrRefused<T>(service: string, decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (VmbusError.is(error) && error.code === 'ERR_VMBUS_PROTOCOL' && error.facts.service === service) return null;
    throw error;
  }
}
