// SPDX-License-Identifier: MIT
//
// Standard inquiry data: what kind of unit stands behind an address, if any.
// Shared by devices/storvsc (guest) and host/providers/storvsp (host). Source: SPC-4, 6.6.2.

import { outOfRange } from '../../errors.js';

/** What a unit says of itself. */
export interface InquiryData {
  /** False: there is no unit at this address, though the target could have one. */
  readonly isPresent: boolean;
  /** 0 for a disk. */
  readonly deviceType: number;
  readonly isRemovable: boolean;
  /** Version of SPC: 5 = SPC-3, 6 = SPC-4. */
  readonly version: number;
  /** At most 8 characters. */
  readonly vendor: string;
  /** At most 16 characters. */
  readonly product: string;
  /** At most 4 characters. */
  readonly revision: string;
}

/** Bytes of the standard data. */
export const inquiryBytes = 36;

/** What stands in the first byte where there is no unit: qualifier 3, unknown type. */
const absent = 0x7f;
const responseFormat = 2;
const commandQueue = 0x02;

/** Standard inquiry data. @throws RangeError ERR_OUT_OF_RANGE for a text that is too long */
export function encodeInquiry(data: InquiryData): Uint8Array {
  const bytes = Buffer.alloc(inquiryBytes, 0);
  bytes[0] = data.isPresent ? data.deviceType & 0x1f : absent;
  bytes[1] = data.isRemovable ? 0x80 : 0;
  bytes[2] = data.version;
  bytes[3] = responseFormat;
  bytes[4] = inquiryBytes - 5;
  bytes[7] = commandQueue;
  for (const [name, offset, length] of texts) {
    if (data[name].length > length) throw outOfRange(name, `at most ${length} characters`, data[name]);
    bytes.write(data[name].padEnd(length, ' '), offset, 'latin1');
  }
  return Uint8Array.from(bytes);
}

const texts = [
  ['vendor', 8, 8],
  ['product', 16, 16],
  ['revision', 32, 4],
] as const;

/** What inquiry data say; null where they are too short. Texts are without the blanks at their end. */
export function decodeInquiry(bytes: Uint8Array): InquiryData | null {
  if (bytes.length < inquiryBytes) return null;
  const text = (offset: number, length: number): string =>
    Buffer.from(bytes.subarray(offset, offset + length))
      .toString('latin1')
      .replace(/[\0 ]+$/, '');
  const first = bytes[0] ?? 0;
  return {
    isPresent: first >> 5 === 0,
    deviceType: first & 0x1f,
    isRemovable: ((bytes[1] ?? 0) & 0x80) !== 0,
    version: bytes[2] ?? 0,
    vendor: text(8, 8),
    product: text(16, 16),
    revision: text(32, 4),
  };
}
