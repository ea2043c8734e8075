// SPDX-License-Identifier: MIT
//
// The header of a GPA-direct packet: ranges of guest physical memory that belong to it.
// Shared by providers (decoding what a guest sent) and devices (encoding). Little-endian.
// Source: struct vmbus_channel_packet_multipage_buffer and vmbus_packet_mpb_array in include/linux/hyperv.h.

/** Packet type of a GPA-direct packet. */
export const gpaDirectType = 9;
/** Page numbers count in these, whatever page size the guest's kernel has. */
export const gpaPageBytes = 4096;
/** Ranges that one packet may have here; Linux sends at most 32. */
const mostRanges = 512;

/** One range as it stands in the packet. */
export interface GpaRange {
  readonly byteCount: number;
  /** Into the first page, below 4096. */
  readonly byteOffset: number;
  /** As many as the count and offset need. */
  readonly pages: readonly number[];
}

/** Consecutive bytes of guest physical memory. */
export interface GpaExtent {
  readonly address: number;
  readonly length: number;
}

/** Ranges in the header between descriptor and payload; null where it breaks the format. */
export function decodeGpaRanges(header: Uint8Array): GpaRange[] | null {
  if (header.length < 8) return null;
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const count = view.getUint32(4, true);
  if (count < 1 || count > mostRanges) return null;
  const ranges: GpaRange[] = [];
  let at = 8;
  for (let i = 0; i < count; i += 1) {
    if (at + 8 > header.length) return null;
    const byteCount = view.getUint32(at, true);
    const byteOffset = view.getUint32(at + 4, true);
    const pageCount = Math.ceil((byteOffset + byteCount) / gpaPageBytes);
    at += 8;
    if (byteOffset >= gpaPageBytes || at + 8 * pageCount > header.length) return null;
    const pages: number[] = [];
    for (let page = 0; page < pageCount; page += 1, at += 8) {
      const number = view.getBigUint64(at, true);
      // 52 bits of address are all that a machine can have.
      if (number >= 1n << 40n) return null;
      pages.push(Number(number));
    }
    ranges.push({ byteCount, byteOffset, pages });
  }
  return ranges;
}

/** The header of ranges, a multiple of 8 bytes. */
export function encodeGpaRanges(ranges: readonly GpaRange[]): Uint8Array {
  const bytes = new Uint8Array(8 + ranges.reduce((sum, { pages }) => sum + 8 + 8 * pages.length, 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(4, ranges.length, true);
  let at = 8;
  for (const { byteCount, byteOffset, pages } of ranges) {
    view.setUint32(at, byteCount, true);
    view.setUint32(at + 4, byteOffset, true);
    at += 8;
    for (const page of pages) {
      view.setBigUint64(at, BigInt(page), true);
      at += 8;
    }
  }
  return bytes;
}

/** Bytes `from` … `from + length` of a range as pieces of consecutive memory; neighbouring pages make one piece. */
export function extentsOf(range: GpaRange, from = 0, length: number = range.byteCount - from): GpaExtent[] {
  const extents: { address: number; length: number }[] = [];
  let at = range.byteOffset + from;
  for (let left = Math.min(length, range.byteCount - from); left > 0; ) {
    const inPage = at % gpaPageBytes;
    const bytes = Math.min(left, gpaPageBytes - inPage);
    const address = (range.pages[Math.floor(at / gpaPageBytes)] ?? 0) * gpaPageBytes + inPage;
    const last = extents.at(-1);
    if (last && last.address + last.length === address) last.length += bytes;
    else extents.push({ address, length: bytes });
    at += bytes;
    left -= bytes;
  }
  return extents;
}
