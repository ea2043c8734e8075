// SPDX-License-Identifier: MIT
//
// What stood between descriptor and payload of packets of the kernel's hv_storvsc and hv_netvsc, and of our host's to them.
// Fields by hand from struct vmbus_packet_mpb_array and struct vmtransfer_page_packet_header in include/linux/hyperv.h.

import { decodeGpaRanges, encodeGpaRanges, type GpaRange } from '../../dist/protocol/gpa-direct.js';
import { decodeSocketPacket, encodeSocketPacket } from '../../dist/protocol/hvsock.js';
import { decodeTransferPages, encodeTransferPages, type TransferPages } from '../../dist/protocol/transfer-pages.js';
import { describeRecorded, headerOnly, wireBytes } from './support/wire-vectors.js';

describeRecorded('gpa-direct', {
  guest: headerOnly(decodeGpaRanges, (ranges: readonly GpaRange[]) => encodeGpaRanges(ranges)),
  fields: {
    'guest ranges nvsp, one range, one page each, within a page': [
      { byteCount: 24, byteOffset: 136, pages: [0x1_f0ad] },
    ],
    'guest ranges storvsc, one range, one page each, from a page on': [
      { byteCount: 4, byteOffset: 0, pages: [0x5a75] },
    ],
    'guest ranges storvsc, one range, one page each, within a page': [
      { byteCount: 36, byteOffset: 0xb00, pages: [0x59b6] },
    ],
    'guest ranges storvsc, one range, more pages, from a page on': [
      { byteCount: 0x4000, byteOffset: 0, pages: [0x5cb1, 0x5a45, 0x5b0e, 0x4a2b] },
    ],
    // 256 KiB that begin within a page need one page more; the same page each time, for it is all zeroes.
    'guest ranges storvsc, one range, more pages, within a page': [
      { byteCount: 0x4_0000, byteOffset: 0xc00, pages: new Array<number>(65).fill(0x36de) },
    ],
  },
});

describeRecorded('transfer-pages', {
  host: headerOnly(decodeTransferPages, (transfer: TransferPages) => encodeTransferPages(transfer)),
  fields: {
    'host ranges one range': { setId: 0xcafe, ranges: [{ byteCount: 52, byteOffset: 0 }] },
    'host ranges more ranges': {
      setId: 0xcafe,
      ranges: [
        { byteCount: 158, byteOffset: 0 },
        { byteCount: 158, byteOffset: 0xe1c },
      ],
    },
  },
});

describeRecorded('hvsock', {
  guest: {
    decode: ({ payload }) => decodeSocketPacket(payload),
    encode: (bytes: Uint8Array) => encodeSocketPacket(bytes),
  },
  host: {
    decode: ({ payload }) => decodeSocketPacket(payload),
    encode: (bytes: Uint8Array) => encodeSocketPacket(bytes),
  },
  fields: {
    'guest data': wireBytes('d8a4f7d99bf06669eb6cbd7a4b36b151'),
    'guest end': new Uint8Array(0),
    'host data': Uint8Array.from(Buffer.from('33cc42c9368c612a8fb9cb03d02e9b4ef17a6893ba9b0c441ddd1931311b6e4a\n')),
    'host end': new Uint8Array(0),
  },
});
