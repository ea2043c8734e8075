// SPDX-License-Identifier: MIT
//
// Data of MODE SENSE: whether a disk may be written, and whether it has a cache. No block descriptors.
// Shared by devices/storvsc (guest) and host/providers/storvsp (host). Source: SPC-4, 7.5; SBC-3, 6.5.

import { ModePage } from './numbers.js';

/** How a disk is set. */
export interface DiskMode {
  readonly isWriteProtected: boolean;
  /** Forced unit access is honoured. */
  readonly forcesUnitAccess: boolean;
  /** Writes may stay in a cache until SYNCHRONIZE CACHE; null where the data don't say. */
  readonly hasWriteCache: boolean | null;
}

const headerBytes = { 6: 4, 10: 8 } as const;
const cachingBytes = 20;
const writeCacheEnabled = 0x04;

/**
 * Data of MODE SENSE.
 * @param changeable asks for what could be changed: nothing
 */
export function encodeModeSense(form: 6 | 10, mode: DiskMode, changeable = false): Uint8Array {
  const header = headerBytes[form];
  const bytes = new Uint8Array(header + (mode.hasWriteCache === null ? 0 : cachingBytes));
  const view = new DataView(bytes.buffer);
  const device = (mode.isWriteProtected ? 0x80 : 0) | (mode.forcesUnitAccess ? 0x10 : 0);
  if (form === 6) bytes.set([bytes.length - 1, 0, device, 0]);
  else {
    view.setUint16(0, bytes.length - 2);
    bytes[3] = device;
  }
  if (mode.hasWriteCache === null) return bytes;
  bytes[header] = ModePage.caching;
  bytes[header + 1] = cachingBytes - 2;
  if (mode.hasWriteCache && !changeable) bytes[header + 2] = writeCacheEnabled;
  return bytes;
}

/** What the data of MODE SENSE say; null where they are too short or their lengths lie. */
export function decodeModeSense(form: 6 | 10, bytes: Uint8Array): DiskMode | null {
  const header = headerBytes[form];
  if (bytes.length < header) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = form === 6 ? 1 + view.getUint8(0) : 2 + view.getUint16(0);
  const descriptors = form === 6 ? view.getUint8(3) : view.getUint16(6);
  if (end > bytes.length || header + descriptors > end) return null;
  const device = view.getUint8(form === 6 ? 2 : 3);
  return {
    isWriteProtected: (device & 0x80) !== 0,
    forcesUnitAccess: (device & 0x10) !== 0,
    hasWriteCache: writeCacheIn(bytes.subarray(header + descriptors, end)),
  };
}

function writeCacheIn(pages: Uint8Array): boolean | null {
  for (let at = 0; at + 2 < pages.length; ) {
    const code = pages[at] ?? 0;
    if ((code & 0x7f) === ModePage.caching) return ((pages[at + 2] ?? 0) & writeCacheEnabled) !== 0;
    // Pages with a subpage have a longer header.
    const isLong = (code & 0x40) !== 0;
    at += isLong ? 4 + ((pages[at + 2] ?? 0) << 8) + (pages[at + 3] ?? 0) : 2 + (pages[at + 1] ?? 0);
  }
  return null;
}
