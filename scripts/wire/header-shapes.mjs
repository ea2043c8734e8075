// SPDX-License-Identifier: MIT
//
// Shapes of what stands between a packet's descriptor and its payload. Sources: struct vmbus_packet_mpb_array and
// struct vmtransfer_page_packet_header in include/linux/hyperv.h.

/** Ranges of guest memory: reserved u32, count u32, then each range with its pages. */
export function gpaShape(header, service) {
  const ranges = header.readUInt32LE(4);
  const offset = header.readUInt32LE(12) === 0 ? 'from a page on' : 'within a page';
  const pages = (header.length - 8 - 8 * ranges) / 8;
  const perRange = pages === ranges ? 'one page each' : 'more pages';
  return {
    protocol: 'gpa-direct',
    kind: 'ranges',
    detail: `${service}, ${few(ranges)}, ${perRange}, ${offset}`,
    isBulk: true,
  };
}

export function transferShape(header) {
  return { protocol: 'transfer-pages', kind: 'ranges', detail: few(header.readUInt32LE(4)), isBulk: true };
}

const few = (count) => (count === 1 ? 'one range' : 'more ranges');
