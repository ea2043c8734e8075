// SPDX-License-Identifier: MIT
//
// Sense data: what a unit says beside "check condition". Big-endian.
// Shared by devices/storvsc (guest) and host/providers/storvsp (host). Source: SPC-4, 4.5.

import { outOfRange } from '../../errors.js';
import { SenseKey } from './numbers.js';

/** Key and additional codes, which {@link senses} names. */
export interface Sense {
  /** See {@link SenseKey}. */
  readonly key: number;
  /** Additional sense code. */
  readonly asc: number;
  /** Its qualifier. */
  readonly ascq: number;
}

/** Name of an entry of {@link senses}. */
export type SenseName =
  | 'nothing'
  | 'notReady'
  | 'readError'
  | 'writeError'
  | 'internalFailure'
  | 'parameterListLength'
  | 'invalidOpcode'
  | 'blockOutOfRange'
  | 'invalidField'
  | 'noSuchUnit'
  | 'invalidParameter'
  | 'cannotSaveParameters'
  | 'capacityChanged'
  | 'inquiryChanged'
  | 'lunsChanged'
  | 'writeProtected'
  | 'outOfSpace';

/** Bytes of sense data in the fixed format. */
export const fixedSenseBytes = 18;

const fixedCurrent = 0x70;
const descriptorCurrent = 0x72;

/** What a disk may have to say. */
export const senses: Readonly<Record<SenseName, Sense>> = {
  nothing: { key: SenseKey.noSense, asc: 0x00, ascq: 0x00 },
  notReady: { key: SenseKey.notReady, asc: 0x04, ascq: 0x03 },
  readError: { key: SenseKey.mediumError, asc: 0x11, ascq: 0x00 },
  writeError: { key: SenseKey.mediumError, asc: 0x0c, ascq: 0x00 },
  internalFailure: { key: SenseKey.hardwareError, asc: 0x44, ascq: 0x00 },
  parameterListLength: { key: SenseKey.illegalRequest, asc: 0x1a, ascq: 0x00 },
  invalidOpcode: { key: SenseKey.illegalRequest, asc: 0x20, ascq: 0x00 },
  blockOutOfRange: { key: SenseKey.illegalRequest, asc: 0x21, ascq: 0x00 },
  invalidField: { key: SenseKey.illegalRequest, asc: 0x24, ascq: 0x00 },
  noSuchUnit: { key: SenseKey.illegalRequest, asc: 0x25, ascq: 0x00 },
  invalidParameter: { key: SenseKey.illegalRequest, asc: 0x26, ascq: 0x00 },
  cannotSaveParameters: { key: SenseKey.illegalRequest, asc: 0x39, ascq: 0x00 },
  capacityChanged: { key: SenseKey.unitAttention, asc: 0x2a, ascq: 0x09 },
  inquiryChanged: { key: SenseKey.unitAttention, asc: 0x3f, ascq: 0x03 },
  lunsChanged: { key: SenseKey.unitAttention, asc: 0x3f, ascq: 0x0e },
  writeProtected: { key: SenseKey.dataProtect, asc: 0x27, ascq: 0x00 },
  outOfSpace: { key: SenseKey.dataProtect, asc: 0x27, ascq: 0x07 },
};

/** Sense data in the fixed format. @throws RangeError ERR_OUT_OF_RANGE */
export function encodeSense({ key, asc, ascq }: Sense): Uint8Array {
  if (!(Number.isInteger(key) && key >= 0 && key <= 0xf)) throw outOfRange('sense.key', '0 to 15', key);
  for (const code of [asc, ascq])
    if (!(Number.isInteger(code) && code >= 0 && code <= 0xff)) throw outOfRange('sense.asc', '0 to 255', code);
  const bytes = new Uint8Array(fixedSenseBytes);
  bytes[0] = fixedCurrent;
  bytes[2] = key;
  bytes[7] = fixedSenseBytes - 8;
  bytes[12] = asc;
  bytes[13] = ascq;
  return bytes;
}

/** What sense data say, in the fixed or the descriptor format, current or deferred; null where they say nothing. */
export function decodeSense(bytes: Uint8Array): Sense | null {
  // Bit 0 of the format: about an earlier command.
  const format = (bytes[0] ?? 0) & 0x7e;
  if (format === fixedCurrent && bytes.length >= 8) {
    const codes = Math.min(bytes.length, 8 + (bytes[7] ?? 0)) >= 14;
    return { key: (bytes[2] ?? 0) & 0xf, asc: codes ? (bytes[12] ?? 0) : 0, ascq: codes ? (bytes[13] ?? 0) : 0 };
  }
  if (format === descriptorCurrent && bytes.length >= 4)
    return { key: (bytes[1] ?? 0) & 0xf, asc: bytes[2] ?? 0, ascq: bytes[3] ?? 0 };
  return null;
}
