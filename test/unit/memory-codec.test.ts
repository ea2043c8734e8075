// SPDX-License-Identifier: MIT
//
// The bytes of dynamic memory: golden messages of a real exchange, hostile input, round trips.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { VmbusError } from '../../dist/errors.js';
import type { MemoryGuestMessage, MemoryHostMessage } from '../../dist/protocol/dynamic-memory.js';
import {
  decodeGuestMessage,
  decodeHostMessage,
  encodeGuestMessage,
  encodeHostMessage,
  infoMaxPageCount,
  MemoryVersion,
} from '../../dist/protocol/dynamic-memory.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const noFigures = { pageFilePages: 0n, zeroAndFreePages: 0n, pageFileWrites: 0, ioDifference: 0 };
const range = { firstPage: 0x12345n, pageCount: 0x200 };

// Kernel driver and QEMU's hv-balloon, in the order of a boot.
const guestGolden: readonly [string, MemoryGuestMessage, string][] = [
  [
    'version request 2.0',
    { kind: 'versionRequest', transactionId: 1, version: MemoryVersion.win10, isLastAttempt: false },
    '0100 1000 01000000 00000200 00000000',
  ],
  [
    'last version request 0.3',
    { kind: 'versionRequest', transactionId: 3, version: MemoryVersion.win8, isLastAttempt: true },
    '0100 1000 03000000 03000000 01000000',
  ],
  [
    'capabilities report',
    {
      kind: 'capabilitiesReport',
      transactionId: 2,
      capabilities: { balloon: true, hotAdd: true, hotAddAlignment: 7, hotRemove: false },
      minPageCount: 0n,
      maxPageNumber: 0xffff_ffff_ffff_ffffn,
    },
    '0300 2000 02000000 1f00000000000000 0000000000000000 ffffffffffffffff',
  ],
  [
    'status report',
    { kind: 'statusReport', transactionId: 3, availablePages: 1000n, committedPages: 2000n, ...noFigures },
    `0500 3000 03000000 e803000000000000 d007000000000000 ${'00'.repeat(24)}`,
  ],
  [
    'balloon response with a range',
    { kind: 'balloonResponse', transactionId: 4, moreToCome: false, ranges: [range] },
    '0700 1800 04000000 00000000 02000000 4523010000000200',
  ],
  [
    'balloon response with nothing',
    { kind: 'balloonResponse', transactionId: 4, moreToCome: false, ranges: [] },
    '0700 1000 04000000 00000000 00000000',
  ],
  [
    'balloon response with more to come',
    { kind: 'balloonResponse', transactionId: 4, moreToCome: true, ranges: [range] },
    '0700 1800 04000000 00000000 03000000 4523010000000200',
  ],
  ['unballoon response', { kind: 'unballoonResponse', transactionId: 5 }, '0900 0800 05000000'],
  [
    'hot-add response',
    { kind: 'hotAddResponse', transactionId: 6, pageCount: 0x8000, isSuccess: true },
    '0b00 1000 06000000 00800000 01000000',
  ],
];

const hostGolden: readonly [string, MemoryHostMessage, string][] = [
  [
    'version response',
    { kind: 'versionResponse', transactionId: 1, isAccepted: true },
    '0200 1000 01000000 0100000000000000',
  ],
  [
    'capabilities response',
    { kind: 'capabilitiesResponse', transactionId: 2, isAccepted: true, hotRemove: true, suppressReports: true },
    '0400 1000 02000000 0700000000000000',
  ],
  [
    'capabilities response of status-report=on',
    { kind: 'capabilitiesResponse', transactionId: 2, isAccepted: true, hotRemove: true, suppressReports: false },
    '0400 1000 02000000 0300000000000000',
  ],
  [
    'balloon request of 512 pages',
    { kind: 'balloonRequest', transactionId: 0, pageCount: 512 },
    '0600 1000 00000000 00020000 00000000',
  ],
  [
    'unballoon request',
    { kind: 'unballoonRequest', transactionId: 1, moreToCome: false, ranges: [range] },
    '0800 1800 01000000 00000000 01000000 4523010000000200',
  ],
  [
    'hot-add request',
    { kind: 'hotAddRequest', transactionId: 2, range, region: range },
    '0a00 1800 02000000 4523010000000200 4523010000000200',
  ],
  [
    'hot-add request without region',
    { kind: 'hotAddRequest', transactionId: 2, range, region: null },
    '0a00 1000 02000000 4523010000000200',
  ],
  [
    'info: most pages',
    { kind: 'info', transactionId: 7, infoType: 0, data: bytes('0000100000000000') },
    '0c00 2000 07000000 00000000 10000000 00000000 08000000 0000100000000000',
  ],
];

const hex = (array: Uint8Array): string => Buffer.from(array).toString('hex');
const isProtocolError = (error: unknown): boolean =>
  VmbusError.is(error) &&
  error.code === 'ERR_VMBUS_PROTOCOL' &&
  error.facts.service === 'dynamic-memory' &&
  typeof error.facts.detail === 'string';

describe('dynamic memory codec', () => {
  for (const [name, message, golden] of guestGolden) {
    it(`the guest's ${name} has the bytes seen on a real ring`, () => {
      assert.equal(hex(encodeGuestMessage(message)), hex(bytes(golden)));
      assert.deepEqual(decodeGuestMessage(bytes(golden)), message);
    });
  }
  for (const [name, message, golden] of hostGolden) {
    it(`the host's ${name} has the bytes seen on a real ring`, () => {
      assert.equal(hex(encodeHostMessage(message)), hex(bytes(golden)));
      assert.deepEqual(decodeHostMessage(bytes(golden)), message);
    });
  }

  it('tells the page count of an info message, and null for info it does not know', () => {
    const info = { kind: 'info', transactionId: 0, infoType: 0, data: bytes('0000100000000000') } as const;

    assert.equal(infoMaxPageCount(info), 0x10_0000n);
    assert.equal(infoMaxPageCount({ ...info, infoType: 1 }), null);
    assert.equal(infoMaxPageCount({ ...info, data: bytes('00') }), null);
  });

  for (const [what, input] of [
    ['nothing at all', ''],
    ['half a header', '06001000'],
    ['a size field larger than the packet', '0600 1800 00000000 00020000 00000000'],
    ['a size field a whole word smaller than the packet', '0600 0800 00000000 00020000 00000000'],
    ['a size field that leaves a whole range out', '0a00 1000 00000000 4523010000000200 4523010000000200'],
    ['a size field of zero', '0600 0000 00000000 00020000 00000000'],
    ['a balloon request without a count', '0600 0800 00000000'],
    ['one range more than the bytes hold', '0800 1800 00000000 00000000 02000000 4523010000000200'],
    ['a huge range count', '0800 1800 00000000 00000000 ffffffff 4523010000000200'],
    ['an info blob larger than its packet', '0c00 2000 07000000 00000000 11000000 00000000 08000000 0000100000000000'],
    ['an info blob too small for its own header', '0c00 1800 07000000 00000000 07000000 0000000000000000'],
    ['info data larger than its blob', '0c00 2000 07000000 00000000 10000000 00000000 09000000 0000100000000000'],
    ['a type that does not exist', '0f00 0800 00000000'],
    ["a guest's own type", '0900 0800 00000000'],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => decodeHostMessage(bytes(input)), isProtocolError);
    });
  }

  it('refuses a balloon response that announces more ranges than it holds', () => {
    assert.throws(
      () => decodeGuestMessage(bytes('0700 1800 04000000 00000000 04000000 4523010000000200')),
      isProtocolError,
    );
  });

  it('refuses a packet longer than any message, whatever it says', () => {
    const long = new Uint8Array(4104);
    long.set(bytes('0600 0810 00000000'));
    assert.throws(() => decodeHostMessage(long), isProtocolError);
  });

  it('does not read the padding of the ring as content', () => {
    const padded = bytes('0c00 1900 07000000 00000000 09000000 05000000 01000000 ab aaaaaaaaaaaaaa');
    assert.deepEqual(decodeHostMessage(padded), { kind: 'info', transactionId: 7, infoType: 5, data: bytes('ab') });
  });

  it('refuses to encode numbers that do not fit their field', () => {
    const response = { kind: 'balloonResponse', transactionId: 1, moreToCome: false } as const;
    const out = { code: 'ERR_OUT_OF_RANGE' };

    assert.throws(() => encodeGuestMessage({ ...response, ranges: [{ firstPage: 1n << 40n, pageCount: 1 }] }), out);
    assert.throws(() => encodeGuestMessage({ ...response, ranges: [{ firstPage: 0n, pageCount: 1 << 24 }] }), out);
    assert.throws(() => encodeGuestMessage({ ...response, ranges: Array.from({ length: 511 }, () => range) }), out);
    assert.throws(() => encodeGuestMessage({ ...response, transactionId: -1, ranges: [] }), out);
    assert.throws(() => encodeHostMessage({ kind: 'balloonRequest', transactionId: 0, pageCount: 2 ** 32 }), out);
  });
});

const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const aRange = record({
  firstPage: fc.bigInt({ min: 0n, max: 0xff_ffff_ffffn }),
  pageCount: fc.integer({ min: 0, max: 0xff_ffff }),
});
const ranges = fc.array(aRange, { maxLength: 509 });
const kind = <K extends string>(name: K) => fc.constant(name);
const guestMessage: fc.Arbitrary<MemoryGuestMessage> = fc.oneof(
  record({ kind: kind('versionRequest'), transactionId: u32, version: u32, isLastAttempt: fc.boolean() }),
  record({
    kind: kind('capabilitiesReport'),
    transactionId: u32,
    minPageCount: u64,
    maxPageNumber: u64,
    capabilities: record({
      balloon: fc.boolean(),
      hotAdd: fc.boolean(),
      hotAddAlignment: fc.integer({ min: 0, max: 15 }),
      hotRemove: fc.boolean(),
    }),
  }),
  record({
    kind: kind('statusReport'),
    transactionId: u32,
    availablePages: u64,
    committedPages: u64,
    pageFilePages: u64,
    zeroAndFreePages: u64,
    pageFileWrites: u32,
    ioDifference: u32,
  }),
  record({ kind: kind('balloonResponse'), transactionId: u32, moreToCome: fc.boolean(), ranges }),
  record({ kind: kind('unballoonResponse'), transactionId: u32 }),
  record({ kind: kind('hotAddResponse'), transactionId: u32, pageCount: u32, isSuccess: fc.boolean() }),
  record({ kind: kind('hotRemoveResponse'), transactionId: u32, result: u32, moreToCome: fc.boolean(), ranges }),
);
const hostMessage: fc.Arbitrary<MemoryHostMessage> = fc.oneof(
  record({ kind: kind('versionResponse'), transactionId: u32, isAccepted: fc.boolean() }),
  record({
    kind: kind('capabilitiesResponse'),
    transactionId: u32,
    isAccepted: fc.boolean(),
    hotRemove: fc.boolean(),
    suppressReports: fc.boolean(),
  }),
  record({ kind: kind('balloonRequest'), transactionId: u32, pageCount: u32 }),
  record({ kind: kind('unballoonRequest'), transactionId: u32, moreToCome: fc.boolean(), ranges }),
  record({ kind: kind('hotAddRequest'), transactionId: u32, range: aRange, region: fc.option(aRange) }),
  record({ kind: kind('info'), transactionId: u32, infoType: u32, data: fc.uint8Array({ maxLength: 500 }) }),
  record({
    kind: kind('hotRemoveRequest'),
    transactionId: u32,
    virtualNode: u32,
    pageCount: u32,
    qualityOfService: u32,
  }),
);
/** Bytes that get past the header often enough to reach the bodies. */
const hostile = fc
  .tuple(fc.integer({ min: 0, max: 16 }), fc.uint8Array({ maxLength: 96 }), fc.boolean())
  .map(([type, body, honest]) => {
    const message = new Uint8Array(8 + body.length);
    message.set(body, 8);
    new DataView(message.buffer).setUint16(0, type, true);
    new DataView(message.buffer).setUint16(2, honest ? message.length : (body[0] ?? 0), true);
    return message;
  });

describe('dynamic memory codec, by properties', () => {
  it('gives every guest message back as it was', () => {
    fc.assert(
      fc.property(guestMessage, (message) => {
        assert.deepEqual(decodeGuestMessage(encodeGuestMessage(message)), message);
      }),
    );
  });

  it("gives every host message back as it was, alone and padded to the ring's 8 bytes", () => {
    fc.assert(
      fc.property(hostMessage, (message) => {
        const encoded = encodeHostMessage(message);
        const padded = new Uint8Array(Math.ceil(encoded.length / 8) * 8).fill(0xaa);
        padded.set(encoded);

        assert.deepEqual(decodeHostMessage(encoded), message);
        assert.deepEqual(decodeHostMessage(padded), message);
      }),
    );
  });

  it('decodes any bytes to a message or ERR_VMBUS_PROTOCOL, nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(hostile, fc.uint8Array({ maxLength: 64 })), (input) => {
        for (const decode of [decodeGuestMessage, decodeHostMessage]) {
          try {
            decode(input);
          } catch (error) {
            assert.ok(isProtocolError(error), String(error));
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
