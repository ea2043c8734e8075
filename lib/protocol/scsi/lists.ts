// SPDX-License-Identifier: MIT
//
// The two lists of SCSI: units of REPORT LUNS, and extents of UNMAP. Big-endian.
// Shared by devices/storvsc (guest) and host/providers/storvsp (host). Source: SPC-4, 6.33; SBC-3, 5.28.

import { outOfRange } from '../../errors.js';

/** Consecutive blocks. */
export interface BlockExtent {
  readonly lba: bigint;
  readonly blocks: number;
}

const listHeaderBytes = 8;
const lunBytes = 8;
const extentBytes = 16;
const mostLun = 255;
/** Bits 6-7 of the first byte: which way of numbering units. */
const addressMethod = 0xc0;

/** Data of REPORT LUNS. @throws RangeError ERR_OUT_OF_RANGE for a LUN above 255 */
export function encodeLuns(luns: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(listHeaderBytes + luns.length * lunBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, luns.length * lunBytes);
  for (const [i, lun] of luns.entries()) {
    if (!Number.isInteger(lun) || lun < 0 || lun > mostLun) throw outOfRange('lun', '0 to 255', lun);
    view.setUint16(listHeaderBytes + i * lunBytes, lun);
  }
  return bytes;
}

/**
 * The units that the data of REPORT LUNS name. A list that is longer than the data ends with them; entries that a storage
 * controller cannot have are left out.
 */
export function decodeLuns(bytes: Uint8Array): number[] {
  if (bytes.length < listHeaderBytes) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = Math.min(bytes.length, listHeaderBytes + view.getUint32(0));
  const luns: number[] = [];
  for (let at = listHeaderBytes; at + lunBytes <= end; at += lunBytes) {
    const isPlain = (view.getUint8(at) & addressMethod) === 0 && view.getUint8(at) === 0;
    if (isPlain) luns.push(view.getUint8(at + 1));
  }
  return luns;
}

/** Parameter list of UNMAP. @throws RangeError ERR_OUT_OF_RANGE */
export function encodeUnmap(extents: readonly BlockExtent[]): Uint8Array {
  const bytes = new Uint8Array(listHeaderBytes + extents.length * extentBytes);
  if (bytes.length > 0xffff) throw outOfRange('extents', 'at most 4095', extents.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, bytes.length - 2);
  view.setUint16(2, extents.length * extentBytes);
  for (const [i, { lba, blocks }] of extents.entries()) {
    if (lba < 0n || lba > 0xffff_ffff_ffff_ffffn) throw outOfRange('lba', '0 to 2^64 - 1', lba);
    if (!Number.isInteger(blocks) || blocks < 0 || blocks > 0xffff_ffff)
      throw outOfRange('blocks', '0 to 2^32 - 1', blocks);
    view.setBigUint64(listHeaderBytes + i * extentBytes, lba);
    view.setUint32(listHeaderBytes + i * extentBytes + 8, blocks);
  }
  return bytes;
}

/** Extents of a parameter list of UNMAP, those that are whole; null where there is no header, or its lengths lie. */
export function decodeUnmap(bytes: Uint8Array): BlockExtent[] | null {
  if (bytes.length < listHeaderBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const listBytes = view.getUint16(2);
  const listEnd = listHeaderBytes + listBytes;
  if (listEnd > bytes.length || (listBytes > 0 && view.getUint16(0) + 2 < listEnd)) return null;
  const extents: BlockExtent[] = [];
  for (let at = listHeaderBytes; at + extentBytes <= listEnd; at += extentBytes)
    extents.push({ lba: view.getBigUint64(at), blocks: view.getUint32(at + 8) });
  return extents;
}
