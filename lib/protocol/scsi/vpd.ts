// SPDX-License-Identifier: MIT
//
// Vital product data of a disk: pages 00, 80, 83, B0, B1 and B2. Big-endian.
// Shared by devices/storvsc (guest) and host/providers/storvsp (host). Source: SPC-4, 7.8; SBC-3, 6.6.

import { outOfRange } from '../../errors.js';
import { VpdPage } from './numbers.js';

/** What a disk can take at once, in blocks; 0 = it does not say. */
export interface BlockLimits {
  readonly maxTransferBlocks: number;
  readonly maxUnmapBlocks: number;
  readonly maxUnmapDescriptors: number;
  /** Unmap works in units of so many blocks. */
  readonly unmapGranularity: number;
  readonly maxWriteSameBlocks: bigint;
}

/** How a disk deals with blocks that nobody needs. */
export interface Provisioning {
  readonly unmap: boolean;
  readonly writeSame16: boolean;
  readonly writeSame10: boolean;
  /** What was unmapped reads as zeroes. */
  readonly readsZeroes: boolean;
  readonly isThin: boolean;
}

/** A designator: a name of the unit that no other has. */
export interface Designator {
  /** 1 = a vendor's text, 3 = NAA. */
  readonly type: number;
  readonly isText: boolean;
  readonly bytes: Uint8Array;
}

const limitsBytes = 60;
const thin = 2;

/** Page 00. */
export function encodeSupportedPages(pages: readonly number[]): Uint8Array {
  return page(VpdPage.supported, Uint8Array.from(pages));
}

/** Page 80. */
export function encodeSerial(serial: string): Uint8Array {
  return page(VpdPage.serial, Buffer.from(serial, 'latin1'));
}

/** Page 83. @throws RangeError ERR_OUT_OF_RANGE for a designator of more than 255 bytes */
export function encodeDesignators(designators: readonly Designator[]): Uint8Array {
  const parts = designators.map(({ type, isText, bytes }) => {
    if (bytes.length > 0xff) throw outOfRange('designator', 'at most 255 bytes', bytes.length);
    return Buffer.concat([Uint8Array.of(isText ? 2 : 1, type & 0xf, 0, bytes.length), bytes]);
  });
  return page(VpdPage.identification, Buffer.concat(parts));
}

/** Page B0. WRITE SAME of no blocks is refused (WSNZ). */
export function encodeBlockLimits(limits: BlockLimits): Uint8Array {
  const body = new Uint8Array(limitsBytes);
  const view = new DataView(body.buffer);
  body[0] = 1;
  view.setUint32(4, limits.maxTransferBlocks);
  view.setUint32(16, limits.maxUnmapBlocks);
  view.setUint32(20, limits.maxUnmapDescriptors);
  view.setUint32(24, limits.unmapGranularity);
  view.setBigUint64(32, limits.maxWriteSameBlocks);
  return page(VpdPage.blockLimits, body);
}

/** Page B1: nothing turns in it. */
export function encodeCharacteristics(): Uint8Array {
  const body = new Uint8Array(limitsBytes);
  body[1] = 1;
  return page(VpdPage.characteristics, body);
}

/** Page B2. */
export function encodeProvisioning(provisioning: Provisioning): Uint8Array {
  const bits =
    (provisioning.unmap ? 0x80 : 0) |
    (provisioning.writeSame16 ? 0x40 : 0) |
    (provisioning.writeSame10 ? 0x20 : 0) |
    (provisioning.readsZeroes ? 0x04 : 0);
  return page(VpdPage.provisioning, Uint8Array.of(0, bits, provisioning.isThin ? thin : 0, 0));
}

/** Body of a page; null where the bytes are another page, or less than they say. */
export function decodeVpdPage(bytes: Uint8Array, wanted: number): Uint8Array | null {
  if (bytes.length < 4 || bytes[1] !== wanted) return null;
  const end = 4 + new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint16(2);
  return end <= bytes.length ? bytes.slice(4, end) : null;
}

/** The serial number in page 80, without the blanks around it; null where it is none. */
export function decodeSerial(bytes: Uint8Array): string | null {
  const body = decodeVpdPage(bytes, VpdPage.serial);
  return body && Buffer.from(body).toString('latin1').trim();
}

/** The designators in page 83; null where they don't fit it. */
export function decodeDesignators(bytes: Uint8Array): Designator[] | null {
  const body = decodeVpdPage(bytes, VpdPage.identification);
  if (!body) return null;
  const designators: Designator[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 4 + (body[at + 3] ?? 0);
    if (at + 4 > body.length || end > body.length) return null;
    const isText = ((body[at] ?? 0) & 0xf) >= 2;
    designators.push({ type: (body[at + 1] ?? 0) & 0xf, isText, bytes: body.slice(at + 4, end) });
    at = end;
  }
  return designators;
}

/** The limits in page B0; fields that an older disk does not have are 0. */
export function decodeBlockLimits(bytes: Uint8Array): BlockLimits | null {
  const body = decodeVpdPage(bytes, VpdPage.blockLimits);
  if (!body || body.length < 12) return null;
  const whole = new Uint8Array(limitsBytes);
  whole.set(body.subarray(0, limitsBytes));
  const view = new DataView(whole.buffer);
  return {
    maxTransferBlocks: view.getUint32(4),
    maxUnmapBlocks: view.getUint32(16),
    maxUnmapDescriptors: view.getUint32(20),
    unmapGranularity: view.getUint32(24),
    maxWriteSameBlocks: view.getBigUint64(32),
  };
}

/** What page B2 says. */
export function decodeProvisioning(bytes: Uint8Array): Provisioning | null {
  const body = decodeVpdPage(bytes, VpdPage.provisioning);
  if (!body || body.length < 3) return null;
  const bits = body[1] ?? 0;
  return {
    unmap: (bits & 0x80) !== 0,
    writeSame16: (bits & 0x40) !== 0,
    writeSame10: (bits & 0x20) !== 0,
    readsZeroes: (bits & 0x1c) === 0x04,
    isThin: ((body[2] ?? 0) & 7) === thin,
  };
}

function page(code: number, body: Uint8Array): Uint8Array {
  if (body.length > 0xffff) throw outOfRange('page', 'at most 65535 bytes', body.length);
  return Uint8Array.from([0, code, body.length >> 8, body.length & 0xff, ...body]);
}
