// SPDX-License-Identifier: MIT
//
// NVSP and transfer pages: golden bytes of an initialisation as Linux and OpenVMM have it, and hostile bytes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { VmbusError } from '../../dist/errors.js';
import {
  decodeNvspGuestMessage,
  decodeNvspHostMessage,
  encodeNvspGuestMessage,
  encodeNvspHostMessage,
  type NvspGuestMessage,
  type NvspHostMessage,
  NvspVersion,
  noSection,
} from '../../dist/protocol/nvsp.js';
import { decodeTransferPages, encodeTransferPages } from '../../dist/protocol/transfer-pages.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (array: Uint8Array): string => Buffer.from(array).toString('hex');
/** As a union of 40 bytes. */
const union = (text: string): string => text.replaceAll(' ', '').padEnd(80, '0');
const isProtocolError = (error: unknown): boolean =>
  VmbusError.is(error) && error.code === 'ERR_VMBUS_PROTOCOL' && error.facts.service === 'nvsp';

const guestGolden: readonly [string, NvspGuestMessage, string][] = [
  ['init 5.0', { kind: 'init', minVersion: NvspVersion.v5, maxVersion: NvspVersion.v5 }, '01000000 00000500 00000500'],
  ['NDIS config', { kind: 'ndisConfig', mtu: 1514, capabilities: 8n }, '7d000000 ea050000 00000000 0800000000000000'],
  ['NDIS version', { kind: 'ndisVersion', major: 6, minor: 30 }, '64000000 06000000 1e000000'],
  ['receive buffer', { kind: 'receiveBuffer', gpadl: 0xe1e10, bufferId: 0xcafe }, '65000000 101e0e00 feca 0000'],
  ['send buffer', { kind: 'sendBuffer', gpadl: 0xe1e11, bufferId: 0 }, '68000000 111e0e00 0000 0000'],
  ['end of the receive buffer', { kind: 'revokeReceiveBuffer', bufferId: 0xcafe }, '67000000 feca'],
  ['end of the send buffer', { kind: 'revokeSendBuffer', bufferId: 0 }, '6a000000'],
  [
    'control message in section 0',
    { kind: 'rndisPacket', channelType: 1, sectionIndex: 0, sectionBytes: 24 },
    '6b000000 01000000 00000000 18000000',
  ],
  [
    'frame in section 1',
    { kind: 'rndisPacket', channelType: 0, sectionIndex: 1, sectionBytes: 104 },
    '6b000000 00000000 01000000 68000000',
  ],
  ['wish for 3 subchannels', { kind: 'subchannel', operation: 1, count: 3 }, '85000000 01000000 03000000'],
  ['change to the virtual function', { kind: 'switchDataPath', isVirtualFunction: true }, '81000000 01000000'],
  ['query by NVSP', { kind: 'oidQuery', oid: 0x01010101 }, '83000000 00000000 01010101'],
  ['PacketDirect', { kind: 'unused', type: 135 }, '87000000'],
];

const hostGolden: readonly [string, NvspHostMessage, string][] = [
  [
    'answer to init',
    { kind: 'initComplete', legacyVersion: 0xffff_ffff, maxMdlChain: 34, status: 1 },
    '02000000 ffffffff 22000000 01000000',
  ],
  [
    'cut of the receive buffer',
    {
      kind: 'receiveBufferComplete',
      status: 1,
      sections: [{ offset: 0, sectionBytes: 1806, count: 9, endOffset: 9 * 1806 }],
    },
    '66000000 01000000 01000000 00000000 0e070000 09000000 7e3f0000',
  ],
  ['refusal of a buffer', { kind: 'receiveBufferComplete', status: 2, sections: [] }, '66000000 02000000'],
  [
    'cut of the send buffer',
    { kind: 'sendBufferComplete', status: 1, sectionBytes: 6144 },
    '69000000 01000000 00180000',
  ],
  [
    'announcement of control messages',
    { kind: 'rndisPacket', channelType: 1, sectionIndex: noSection, sectionBytes: 0 },
    '6b000000 01000000 ffffffff 00000000',
  ],
  ['completion', { kind: 'rndisPacketComplete', status: 1 }, '6c000000 01000000'],
  ['virtual function', { kind: 'virtualFunction', isAllocated: true, serial: 7 }, '80000000 01000000 07000000'],
  ['subchannels', { kind: 'subchannel', status: 1, count: 3 }, '85000000 01000000 03000000'],
  [
    'answer to a query by NVSP',
    { kind: 'oidQueryComplete', status: 0xc00000bb, infoBytes: 0 },
    '84000000 bb0000c0 00000000',
  ],
];
const table = Array.from({ length: 16 }, (_, i) => i % 4);
const tableHex = table.map((entry) => `0${entry}000000`).join('');

describe('the NVSP codec', () => {
  for (const [name, message, golden] of guestGolden) {
    it(`has the guest's ${name} byte by byte`, () => {
      assert.equal(hex(encodeNvspGuestMessage(message)), union(golden));
      assert.deepEqual(decodeNvspGuestMessage(bytes(union(golden))), message);
    });
  }
  it("has the guest's completion in 8 bytes, as Linux sends it", () => {
    const message = { kind: 'rndisPacketComplete', status: 1 } as const;
    assert.equal(hex(encodeNvspGuestMessage(message)), '6c00000001000000');
    assert.deepEqual(decodeNvspGuestMessage(bytes(union('6c000000 01000000'))), message);
  });
  for (const [name, message, golden] of hostGolden) {
    it(`has the host's ${name} byte by byte`, () => {
      assert.equal(hex(encodeNvspHostMessage(message)), union(golden));
      assert.deepEqual(decodeNvspHostMessage(bytes(union(golden))), message);
    });
  }

  it('has the indirection table at 12, and finds it where other hosts have it', () => {
    const message = { kind: 'indirectionTable', entries: table } as const;
    const fields = (offset: string): string => `86000000 10000000 ${offset}000000`;
    const further = union(fields('28'));

    assert.equal(hex(encodeNvspHostMessage(message)), (fields('0c') + tableHex).replaceAll(' ', ''));
    assert.deepEqual(decodeNvspHostMessage(bytes(fields('0c') + tableHex)), message);
    assert.deepEqual(decodeNvspHostMessage(bytes(further + tableHex)), message);
    assert.deepEqual(decodeNvspHostMessage(bytes(union(fields('1c')) + tableHex), NvspVersion.v6), message);
  });

  it('takes messages that are longer or shorter than a union, and no field less', () => {
    const { length } = guestGolden;
    assert.equal(length, 13);
    assert.deepEqual(decodeNvspGuestMessage(bytes('6c000000 01000000')), { kind: 'rndisPacketComplete', status: 1 });
    assert.deepEqual(decodeNvspHostMessage(bytes(`${union('6c000000 01000000')}0000`)), {
      kind: 'rndisPacketComplete',
      status: 1,
    });
    for (const short of ['', '01', '01000000 00000500', '65000000 101e0e00', '7d000000 ea050000 00000000 08000000'])
      assert.throws(() => decodeNvspGuestMessage(bytes(short)), isProtocolError, short);
  });

  it('refuses what the other side says, what nobody says, and counts that lie', () => {
    for (const wrong of ['02000000', '66000000', 'ff000000', '80000000 01000000 07000000'])
      assert.throws(() => decodeNvspGuestMessage(bytes(union(wrong))), isProtocolError, wrong);
    for (const wrong of [
      '01000000',
      '66000000 01000000 03000000 00000000 0e070000 09000000 7e3f0000',
      '66000000 01000000 ffffffff',
      `86000000 0f000000 0c000000 ${tableHex}`,
      `86000000 10000000 10000000 ${tableHex}`,
      `86000000 10000000 00000000 ${tableHex}`,
      `86000000 10000000 ffffffff ${tableHex}`,
    ])
      assert.throws(() => decodeNvspHostMessage(bytes(union(wrong))), isProtocolError, wrong);
  });

  it('refuses to encode what does not fit', () => {
    const out = { code: 'ERR_OUT_OF_RANGE' };
    assert.throws(() => encodeNvspGuestMessage({ kind: 'sendBuffer', gpadl: -1, bufferId: 0 }), out);
    assert.throws(() => encodeNvspGuestMessage({ kind: 'sendBuffer', gpadl: 1, bufferId: 0x1_0000 }), out);
    assert.throws(() => encodeNvspGuestMessage({ kind: 'ndisConfig', mtu: 1514, capabilities: 1n << 64n }), out);
    assert.throws(() => encodeNvspHostMessage({ kind: 'indirectionTable', entries: [0] }), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });

  it('decodes any bytes to a message or ERR_VMBUS_PROTOCOL, nothing else', () => {
    const types = [...guestGolden, ...hostGolden].map(([, , text]) => bytes(text).slice(0, 4));
    const likely = fc
      .tuple(fc.constantFrom(...types, bytes('86000000')), fc.uint8Array({ maxLength: 120 }))
      .map(([type, body]) => Uint8Array.of(...type, ...body));
    fc.assert(
      fc.property(fc.oneof(likely, fc.uint8Array({ maxLength: 64 })), (input) => {
        for (const decode of [decodeNvspGuestMessage, decodeNvspHostMessage]) {
          try {
            decode(input);
          } catch (error) {
            assert.ok(isProtocolError(error), String(error));
          }
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('the header of transfer pages', () => {
  const golden = 'feca0000 01000000 34000000 1c0e0000';

  it('is set, count and ranges', () => {
    const pages = { setId: 0xcafe, ranges: [{ byteCount: 52, byteOffset: 2 * 1806 }] };

    assert.equal(hex(encodeTransferPages(pages)), golden.replaceAll(' ', ''));
    assert.deepEqual(decodeTransferPages(bytes(golden)), pages);
    assert.deepEqual(decodeTransferPages(bytes(`fecaffff${golden.slice(8)}`)), pages, 'two bytes may be garbage');
  });

  it('is refused with no range, or with more than it holds', () => {
    for (const wrong of [
      '',
      'feca0000',
      'feca0000 00000000',
      'feca0000 02000000 34000000 00000000',
      `feca0000 ffffffff`,
    ])
      assert.equal(decodeTransferPages(bytes(wrong)), null, wrong);
  });

  it('is decoded from any bytes, or is null', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
        const pages = decodeTransferPages(input);
        if (pages) assert.ok(pages.ranges.length >= 1 && 8 + 8 * pages.ranges.length <= input.length);
      }),
    );
  });
});
