// SPDX-License-Identifier: MIT
//
// The header of a transfer-pages packet: which pieces of a shared buffer a packet of the host hands over. Little-endian.
// Only network cards have it; the pieces are the guest's until it completes the packet.
// Source: struct vmtransfer_page_packet_header in include/linux/hyperv.h.

/** Packet type of a transfer-pages packet. */
export const transferPagesType = 7;
/** Ranges that a host puts into one packet at most. */
export const mostTransferRanges = 375;
/** With coalesced receives a host may go up to here. */
const mostRangesWhenCoalescing = 562;
const headerBytes = 8;
const rangeBytes = 8;

/** A piece of the shared buffer. */
export interface TransferRange {
  readonly byteCount: number;
  readonly byteOffset: number;
}

/** What stands between descriptor and payload. */
export interface TransferPages {
  /** Id that the guest gave the buffer. */
  readonly setId: number;
  readonly ranges: readonly TransferRange[];
}

/** The pieces in a header; null where it breaks the format. Offsets and counts are the sender's: check them against the buffer. */
export function decodeTransferPages(header: Uint8Array): TransferPages | null {
  if (header.length < headerBytes) return null;
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const count = view.getUint32(4, true);
  if (count < 1 || count > mostRangesWhenCoalescing || headerBytes + rangeBytes * count > header.length) return null;
  const ranges = Array.from({ length: count }, (_, i) => {
    const at = headerBytes + rangeBytes * i;
    return { byteCount: view.getUint32(at, true), byteOffset: view.getUint32(at + 4, true) };
  });
  return { setId: view.getUint16(0, true), ranges };
}

/** The header of pieces, a multiple of 8 bytes. */
export function encodeTransferPages({ setId, ranges }: TransferPages): Uint8Array {
  const bytes = new Uint8Array(headerBytes + rangeBytes * ranges.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, setId, true);
  view.setUint32(4, ranges.length, true);
  for (const [i, { byteCount, byteOffset }] of ranges.entries()) {
    view.setUint32(headerBytes + rangeBytes * i, byteCount, true);
    view.setUint32(headerBytes + rangeBytes * i + 4, byteOffset, true);
  }
  return bytes;
}
