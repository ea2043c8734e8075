// SPDX-License-Identifier: MIT
//
// The messages of synthetic video, byte by byte, and what is no message.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  decodeVideoGuestMessage,
  decodeVideoHostMessage,
  encodeVideoGuestMessage,
  encodeVideoHostMessage,
  type VideoGuestMessage,
  type VideoHostMessage,
} from '../../dist/protocol/synth-video.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/[ |]/g, ''), 'hex'));
const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex');
const refused = { code: 'ERR_VMBUS_PROTOCOL' };
const context = 0x0102_0304_0506_0708n;
const edid = Uint8Array.from({ length: 128 }, (_, i) => i);

const fromGuest: [string, VideoGuestMessage][] = [
  ['01000000 0c000000 | 01000000 0c000000 | 03000500', { kind: 'versionRequest', version: 0x5_0003 }],
  ['01000000 09000000 | 0d000000 09000000 | 40', { kind: 'resolutionsRequest', most: 64 }],
  [
    '01000000 19000000 | 03000000 19000000 | 0807060504030201 | 01 | 000000f800000000',
    { kind: 'vramLocation', context, address: 0xf800_0000n },
  ],
  [
    '01000000 19000000 | 03000000 19000000 | 0807060504030201 | 00 | 0000000000000000',
    { kind: 'vramLocation', context, address: null },
  ],
  [
    `01000000 23000000 | 05000000 23000000 | ${'00'.repeat(8)} | 01 | 01 00000000 20 00040000 00030000 00100000`,
    {
      kind: 'situationUpdate',
      context: 0n,
      situation: { isActive: true, vramOffset: 0, depthBits: 32, width: 1024, height: 768, pitchBytes: 4096 },
    },
  ],
  [
    '01000000 12000000 | 07000000 12000000 | 01 00 ffffffff 05000000',
    { kind: 'pointerPosition', isVisible: true, output: 0, x: -1, y: 5 },
  ],
  [
    '01000000 1e000000 | 08000000 1e000000 | ff 01 01000000 01000000 00000000 00000000 00010101',
    {
      kind: 'pointerShape',
      part: 0xff,
      isArgb: true,
      width: 1,
      height: 1,
      hotX: 0,
      hotY: 0,
      pixels: Uint8Array.of(0, 1, 1, 1),
    },
  ],
  [
    '01000000 1a000000 | 0a000000 1a000000 | 00 01 | 00000000 00000000 00040000 00030000',
    { kind: 'dirt', output: 0, rectangles: [{ left: 0, top: 0, right: 1024, bottom: 768 }] },
  ],
  ['01000000 08000000 | 0b000000 08000000', { kind: 'biosInfoRequest' }],
  ['01000000 08000000 | 0f000000 08000000', { kind: 'capabilityRequest' }],
];

const fromHost: [string, VideoHostMessage][] = [
  [
    '01000000 0e000000 | 02000000 06000000 | 03000500 02 01',
    { kind: 'versionResponse', version: 0x5_0003, accepted: 'again', outputs: 1 },
  ],
  [
    `01000000 93000000 | 0e000000 8b000000 | ${hex(edid)} | 02 00 00 | 0004 0003 | 0005 0004`,
    {
      kind: 'resolutionsResponse',
      edid,
      resolutions: [
        { width: 1024, height: 768 },
        { width: 1280, height: 1024 },
      ],
      defaultIndex: 0,
      isStandard: false,
    },
  ],
  ['01000000 10000000 | 04000000 08000000 | 0807060504030201', { kind: 'vramLocationAck', context }],
  ['01000000 10000000 | 06000000 08000000 | 0000000000000000', { kind: 'situationAck', context: 0n }],
  [
    '01000000 0c000000 | 09000000 04000000 | 01 00 00 01',
    {
      kind: 'featureChange',
      features: { dirt: true, pointerPosition: false, pointerShape: false, situation: true },
    },
  ],
  [
    `01000000 18000000 | 0c000000 10000000 | 01000000 ${'00'.repeat(12)}`,
    { kind: 'biosInfoResponse', canStopDevice: true },
  ],
  [
    `01000000 48000000 | 10000000 40000000 | 01000000 ${'00'.repeat(60)}`,
    { kind: 'capabilityResponse', locksOnDisconnect: true },
  ],
];

describe('synthetic video on the wire', () => {
  for (const [text, message] of fromGuest)
    it(`has a guest's ${message.kind} as documented`, () => {
      assert.equal(hex(encodeVideoGuestMessage(message)), hex(bytes(text)));
      assert.deepEqual(decodeVideoGuestMessage(bytes(`${text} 00000000`)), message);
    });
  for (const [text, message] of fromHost)
    it(`has a host's ${message.kind} as documented`, () => {
      assert.equal(hex(encodeVideoHostMessage(message)), hex(bytes(text)));
      assert.deepEqual(decodeVideoHostMessage(bytes(`${text} 00000000`)), message);
    });

  it('does not look at the inner size, which hosts count differently', () => {
    const counted = '01000000 10000000 | 06000000 10000000 | 0000000000000000';

    assert.deepEqual(decodeVideoHostMessage(bytes(counted)), { kind: 'situationAck', context: 0n });
  });

  it('refuses every message that is cut short', () => {
    for (const [text, { kind }] of fromGuest) {
      if (kind === 'pointerShape') continue; // its pixels may be fewer
      for (let length = 0; length < bytes(text).length; length += 1)
        assert.throws(() => decodeVideoGuestMessage(cut(text, length)), refused, `${kind} of ${length}`);
    }
    assert.throws(() => decodeVideoGuestMessage(cut(fromGuest[6]?.[0] ?? '', 33)), refused);
  });

  it('refuses more rectangles than there are, outputs that do not exist, and huge pointers', () => {
    const dirt = '01000000 1a000000 | 0a000000 1a000000 | 00 02 | 00000000 00000000 00040000 00030000';
    const situation = `01000000 23000000 | 05000000 23000000 | ${'00'.repeat(8)} | 02 | 01 00000000 20 00040000 00030000 00100000`;
    const pointer = '01000000 1e000000 | 08000000 1e000000 | ff 01 61000000 01000000 00000000 00000000 00010101';
    for (const text of [dirt, situation, pointer, '01000000 08000000 | 11000000 08000000'])
      assert.throws(() => decodeVideoGuestMessage(bytes(text)), refused, text);
  });

  it('refuses a list of resolutions whose counts are wrong', () => {
    for (const counts of ['41 00', '02 02', '03 00'])
      assert.throws(
        () =>
          decodeVideoHostMessage(
            bytes(`01000000 93000000 | 0e000000 8b000000 | ${hex(edid)} | ${counts} 00 | ${'00'.repeat(8)}`),
          ),
        refused,
        counts,
      );
  });

  it('is not made of numbers that do not fit', () => {
    const wrong: (() => unknown)[] = [
      () => encodeVideoGuestMessage({ kind: 'vramLocation', context: -1n, address: 0n }),
      () => encodeVideoGuestMessage({ kind: 'resolutionsRequest', most: 256 }),
      () => encodeVideoGuestMessage({ kind: 'pointerPosition', isVisible: true, output: 0, x: 2 ** 31, y: 0 }),
      () => encodeVideoHostMessage({ kind: 'versionResponse', version: 2 ** 32, accepted: 'yes', outputs: 1 }),
      () =>
        encodeVideoHostMessage({
          kind: 'resolutionsResponse',
          edid: new Uint8Array(5),
          resolutions: [],
          defaultIndex: 0,
          isStandard: false,
        }),
    ];
    for (const encode of wrong) assert.throws(encode, { code: 'ERR_OUT_OF_RANGE' });
  });

  it('is, whatever the bytes are, a message or a violation', () => {
    const header = fc
      .tuple(fc.nat({ max: 200 }), fc.nat({ max: 17 }), fc.array(fc.nat({ max: 255 }), { maxLength: 200 }))
      .map(([size, type, rest]) => Uint8Array.of(1, 0, 0, 0, size, 0, 0, 0, type, 0, 0, 0, 0, 0, 0, 0, ...rest));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), header), fc.boolean(), (payload, isGuest) => {
        try {
          if (isGuest) decodeVideoGuestMessage(payload);
          else decodeVideoHostMessage(payload);
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, 'ERR_VMBUS_PROTOCOL');
        }
      }),
      { numRuns: 5000 },
    );
  });
});

/** The first bytes of a message, with a pipe header that agrees. */
function cut(text: string, length: number): Uint8Array {
  const short = bytes(text).slice(0, length);
  if (length >= 8) new DataView(short.buffer).setUint32(4, length - 8, true);
  return short;
}
