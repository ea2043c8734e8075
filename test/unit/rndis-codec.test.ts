// SPDX-License-Identifier: MIT
//
// RNDIS: golden bytes of what Linux asks a card and of its answers, frames with information, scaling, and hostile bytes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { VmbusError } from '../../dist/errors.js';
import {
  decodeConfigParameter,
  decodeNdisObject,
  decodeRndisControl,
  decodeRndisPacket,
  decodeScalingCapabilities,
  decodeScalingParameters,
  encodeConfigParameter,
  encodeRndisControl,
  encodeRndisPacket,
  encodeScalingCapabilities,
  encodeScalingParameters,
  Oid,
  offloadCapabilities,
  PacketInfoType,
  packetInfoValue,
  type RndisControlMessage,
  splitRndis,
} from '../../dist/protocol/rndis.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (array: Uint8Array): string => Buffer.from(array).toString('hex');
const none = new Uint8Array(0);
const isProtocolError = (error: unknown): boolean =>
  VmbusError.is(error) && error.code === 'ERR_VMBUS_PROTOCOL' && error.facts.service === 'rndis';

const golden: readonly [string, RndisControlMessage, string][] = [
  [
    'initialize',
    { kind: 'initialize', requestId: 1, major: 1, minor: 0, maxTransferBytes: 0x4000 },
    '02000000 18000000 01000000 01000000 00000000 00400000',
  ],
  [
    'its completion',
    {
      kind: 'initializeComplete',
      requestId: 1,
      status: 0,
      major: 1,
      minor: 0,
      deviceFlags: 1,
      medium: 0,
      maxPackets: 8,
      maxTransferBytes: 0x4000,
      alignmentFactor: 3,
    },
    '02000080 34000000 01000000 00000000 01000000 00000000 01000000 00000000 08000000 00400000 03000000 00000000 00000000',
  ],
  [
    'query of the MAC address',
    { kind: 'query', requestId: 2, oid: Oid.permanentAddress, info: none },
    '04000000 1c000000 02000000 01010101 00000000 14000000 00000000',
  ],
  [
    'its completion',
    { kind: 'queryComplete', requestId: 2, status: 0, info: bytes('00155d010203') },
    '04000080 1e000000 02000000 00000000 06000000 10000000 00155d010203',
  ],
  [
    'refusal of a query',
    { kind: 'queryComplete', requestId: 9, status: 0xc00000bb, info: none },
    '04000080 18000000 09000000 bb0000c0 00000000 10000000',
  ],
  [
    'set of the filter',
    { kind: 'set', requestId: 3, oid: Oid.packetFilter, info: bytes('0d000000') },
    '05000000 20000000 03000000 0e010100 04000000 14000000 00000000 0d000000',
  ],
  ['its completion', { kind: 'setComplete', requestId: 3, status: 0 }, '05000080 10000000 03000000 00000000'],
  ['halt', { kind: 'halt', requestId: 4 }, '03000000 0c000000 04000000'],
  ['keepalive', { kind: 'keepalive', requestId: 5 }, '08000000 0c000000 05000000'],
  ['its completion', { kind: 'keepaliveComplete', requestId: 5, status: 0 }, '08000080 10000000 05000000 00000000'],
  ['reset', { kind: 'reset' }, '06000000 0c000000 00000000'],
  [
    'its completion',
    { kind: 'resetComplete', status: 0, addressingReset: true },
    '06000080 10000000 00000000 01000000',
  ],
  [
    'link up',
    { kind: 'indicateStatus', status: 0x4001000b, buffer: none },
    '07000000 14000000 0b000140 00000000 00000000',
  ],
  [
    'new speed',
    { kind: 'indicateStatus', status: 0x40010013, buffer: bytes('00e1f505') },
    '07000000 18000000 13000140 04000000 0c000000 00e1f505',
  ],
];

describe('the codec of RNDIS control messages', () => {
  for (const [name, message, text] of golden) {
    it(`has ${name} of ${message.kind} byte by byte`, () => {
      assert.equal(hex(encodeRndisControl(message)), text.replaceAll(' ', ''));
      assert.deepEqual(decodeRndisControl(bytes(text)), message);
      assert.deepEqual(decodeRndisControl(bytes(`${text} ffffffffff`)), message, 'what follows is not looked at');
    });
  }

  it('finds a status that its message forgot to count', () => {
    const text = '07000000 14000000 13000140 04000000 0c000000 00e1f505';
    assert.deepEqual(decodeRndisControl(bytes(text)), {
      kind: 'indicateStatus',
      status: 0x40010013,
      buffer: bytes('00e1f505'),
    });
  });

  for (const [what, text] of [
    ['nothing', ''],
    ['half a header', '02000000'],
    ['a length below a header', '02000000 07000000 01000000'],
    ['a length over the bytes', '03000000 10000000 04000000'],
    ['a field that is missing', '02000000 14000000 01000000 01000000 00000000'],
    ['information before its place', '04000080 1e000000 02000000 00000000 06000000 0f000000 00155d010203'],
    ['information past the end', '04000080 1e000000 02000000 00000000 07000000 10000000 00155d010203'],
    ['information that wraps around', '05000000 20000000 03000000 0e010100 ffffffff 14000000 00000000 0d000000'],
    ['information far away', '05000000 20000000 03000000 0e010100 04000000 fcffffff 00000000 0d000000'],
    ['a data message', '01000000 0c000000 00000000'],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => decodeRndisControl(bytes(text)), isProtocolError);
    });
  }
});

const header = '01000000 68000000 24000000 3c000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000';
const frame = Uint8Array.from({ length: 60 }, (_, i) => i);

describe('the codec of RNDIS packets', () => {
  it('has a frame of 60 bytes as Linux sends it', () => {
    assert.equal(hex(encodeRndisPacket(frame)), header.replaceAll(' ', '') + hex(frame));
    assert.deepEqual(decodeRndisPacket(bytes(header + hex(frame))), { frame, info: [] });
  });

  it('finds a frame where hosts put it, behind 256 bytes', () => {
    const message = new Uint8Array(1806);
    message.set(bytes('01000000 0e070000 f8000000 3c000000'));
    message.set(frame, 256);
    assert.deepEqual(decodeRndisPacket(message).frame, frame);
  });

  it('has elements of information between header and frame', () => {
    const message = encodeRndisPacket(frame, [
      { type: PacketInfoType.vlan, value: 0x70 },
      { type: PacketInfoType.hash, value: 0xdeadbeef },
    ]);
    const elements = '10000000 06000000 0c000000 70000000 10000000 08000000 0c000000 efbeadde';
    assert.equal(hex(message.subarray(28, 76)), `2400000020000000${'00'.repeat(8)}${elements.replaceAll(' ', '')}`);

    const packet = decodeRndisPacket(message);
    assert.deepEqual(packet.frame, frame);
    assert.equal(packetInfoValue(packet.info, PacketInfoType.vlan), 0x70);
    assert.equal(packetInfoValue(packet.info, PacketInfoType.hash), 0xdeadbeef);
    assert.equal(packetInfoValue(packet.info, PacketInfoType.checksum), null);
  });

  it('tells internal elements from others of the same number', () => {
    const message = encodeRndisPacket(frame, [{ type: 0x8000_0000 + PacketInfoType.vlan, value: 1 }]);
    const [element] = decodeRndisPacket(message).info;
    assert.deepEqual([element?.type, element?.isInternal], [6, true]);
    assert.equal(packetInfoValue(decodeRndisPacket(message).info, PacketInfoType.vlan), null);
  });

  it('takes messages apart that follow each other at multiples of 8', () => {
    const first = encodeRndisPacket(frame.subarray(0, 15));
    const all = new Uint8Array(64 + 104);
    all.set(first);
    all.set(encodeRndisPacket(frame), 64);
    const messages = splitRndis(all, 3, 8);
    assert.deepEqual(
      messages.map(({ length }) => length),
      [59, 104],
    );
    assert.throws(() => splitRndis(all, 3, 1), isProtocolError);
    assert.throws(() => splitRndis(all.subarray(0, 100), 3, 8), isProtocolError);
  });

  for (const [what, place, value] of [
    ['out-of-band data', 16, 4],
    ['a count of it', 24, 1],
    ['an empty frame', 12, 0],
    ['a frame past the end', 12, 61],
    ['a frame far away', 8, 0xffff_fff0],
    ['a frame that wraps around', 12, 0xffff_ffff],
    ['information past the end', 32, 100],
  ] as const) {
    it(`refuses a packet with ${what}`, () => {
      const message = encodeRndisPacket(frame);
      new DataView(message.buffer).setUint32(place, value, true);
      assert.throws(() => decodeRndisPacket(message), isProtocolError);
    });
  }

  for (const [what, place, value] of [
    ['size 0', 44, 0],
    ['less than its fields', 44, 11],
    ['more than there is', 44, 17],
    ['its value before its fields', 52, 8],
    ['its value past its end', 52, 17],
  ] as const) {
    it(`refuses an element of ${what}`, () => {
      const message = encodeRndisPacket(frame, [{ type: 6, value: 1 }]);
      new DataView(message.buffer).setUint32(place, value, true);
      assert.throws(() => decodeRndisPacket(message), isProtocolError);
    });
  }
});

describe('objects', () => {
  it('say of scaling in exactly 18 bytes what a card can do', () => {
    const capabilities = { flags: 0x301, interrupts: 4, receiveQueues: 4, tableEntries: 128 };
    const info = encodeScalingCapabilities(capabilities);
    assert.equal(hex(info), '88021200' + '01030000' + '04000000' + '04000000' + '8000');
    assert.deepEqual(decodeScalingCapabilities(info), capabilities);
    assert.throws(() => decodeScalingCapabilities(info.subarray(0, 17)), isProtocolError);
  });

  it('say of scaling what a guest wants: 40 bytes, table, key', () => {
    const key = Uint8Array.from({ length: 40 }, (_, i) => 0x6d ^ i);
    const parameters = { isDisabled: false, hashInfo: 0x1701, table: [0, 1, 0, 1], key };
    const info = encodeScalingParameters(parameters);
    assert.equal(
      hex(info.subarray(0, 28)),
      '89022800' + '00000000' + '01170000' + '10000000' + '28000000' + '28000000' + '38000000',
    );
    assert.equal(info.length, 40 + 16 + 40);
    assert.deepEqual(decodeScalingParameters(info), parameters);
    assert.equal(
      decodeScalingParameters(encodeScalingParameters({ ...parameters, isDisabled: true })).isDisabled,
      true,
    );
    for (const [place, value] of [
      [12, 0x00f4],
      [12, 3],
      [12, 0xfffc],
      [16, 0xffff_fff0],
      [20, 41],
      [24, 57],
    ] as const) {
      const wrong = Uint8Array.of(...info, ...(place === 20 ? new Uint8Array(8) : []));
      new DataView(wrong.buffer).setUint16(place, value & 0xffff, true);
      if (place === 16) new DataView(wrong.buffer).setUint32(place, value, true);
      assert.throws(() => decodeScalingParameters(wrong), isProtocolError, `${place}`);
    }
  });

  it('say of offload that a card has none, in the size of each revision', () => {
    const sizes = [0, 1, 2, 3, 4].map((revision) => decodeNdisObject(offloadCapabilities(revision)));
    assert.deepEqual(
      sizes.map(({ type, revision, sizeBytes }) => [type, revision, sizeBytes]),
      [
        [0xa7, 1, 112],
        [0xa7, 1, 112],
        [0xa7, 2, 144],
        [0xa7, 3, 156],
        [0xa7, 3, 156],
      ],
    );
    assert.equal(offloadCapabilities(3).length, 156);
  });

  it('name settings', () => {
    const parameter = { name: 'NetworkAddress', value: '00155d0a0b0c' };
    const info = encodeConfigParameter(parameter);
    assert.equal(hex(info.subarray(0, 20)), '14000000' + '1c000000' + '02000000' + '30000000' + '18000000');
    assert.deepEqual(decodeConfigParameter(info), parameter);
    assert.deepEqual(decodeConfigParameter(encodeConfigParameter({ name: 'n', value: 7 })), { name: 'n', value: 7 });
    assert.throws(() => decodeConfigParameter(info.subarray(0, 60)), isProtocolError);
  });
});

describe('RNDIS decoders, by properties', () => {
  const word = fc.oneof(fc.constantFrom(0, 1, 8, 12, 16, 20, 36, 40, 0xffff_ffff), fc.nat(200), fc.nat(0xffff_ffff));
  const hostile = fc
    .tuple(
      fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8, 9, 0x8000_0002, 0x8000_0004),
      fc.array(word, { maxLength: 30 }),
      fc.boolean(),
    )
    .map(([type, words, honest]) => {
      const all = new Uint32Array([type, honest ? 8 + 4 * words.length : (words[0] ?? 0), ...words]);
      return new Uint8Array(all.buffer);
    });
  const decoders: readonly ((input: Uint8Array) => unknown)[] = [
    decodeRndisControl,
    decodeRndisPacket,
    (input) => splitRndis(input, 3, 8),
    decodeScalingCapabilities,
    decodeScalingParameters,
    decodeNdisObject,
    decodeConfigParameter,
  ];

  it('answer any bytes with a message or ERR_VMBUS_PROTOCOL, nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(hostile, fc.uint8Array({ maxLength: 64 })), (input) => {
        for (const decode of decoders) {
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

  it('give every packet back as it was', () => {
    const element = fc.record({ type: fc.nat(0x7fff_ffff), value: fc.nat(0xffff_ffff) });
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.array(element, { maxLength: 4 }),
        (data, info) => {
          const packet = decodeRndisPacket(encodeRndisPacket(data, info));
          assert.deepEqual(packet.frame, data);
          assert.deepEqual(
            packet.info.map(({ type }) => type),
            info.map(({ type }) => type),
          );
        },
      ),
    );
  });
});
