// SPDX-License-Identifier: MIT
//
// The messages of the synthetic keyboard and mouse, byte by byte, and what is no message.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeMouseReport, encodeMouseReport, mouseReportDescriptor } from '../../dist/protocol/mouse-report.js';
import { isKeyName, keyNames, scanCodesOf } from '../../dist/protocol/scan-codes.js';
import * as keyboard from '../../dist/protocol/synth-keyboard.js';
import * as mouse from '../../dist/protocol/synth-mouse.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/[ |]/g, ''), 'hex'));
const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex');
const keystroke = { kind: 'keystroke', prefix: null, isRelease: false, isUnicode: false } as const;

describe('the synthetic keyboard on the wire', () => {
  const fromGuest: [string, keyboard.KeyboardGuestMessage][] = [
    ['01000000 00000100', { kind: 'protocolRequest', version: 0x1_0000 }],
    ['04000000 0400 0000', { kind: 'setLeds', leds: { scrollLock: false, numLock: false, capsLock: true } }],
    ['04000000 0300 0000', { kind: 'setLeds', leds: { scrollLock: true, numLock: true, capsLock: false } }],
  ];
  const fromHost: [string, keyboard.KeyboardHostMessage][] = [
    ['02000000 01000000', { kind: 'protocolResponse', isAccepted: true }],
    ['02000000 00000000', { kind: 'protocolResponse', isAccepted: false }],
    ['03000000 1e00 0000 00000000', { ...keystroke, code: 0x1e }],
    ['03000000 1e00 0000 02000000', { ...keystroke, code: 0x1e, isRelease: true }],
    ['03000000 4b00 0000 04000000', { ...keystroke, code: 0x4b, prefix: 'e0' }],
    ['03000000 1d00 0000 06000000', { ...keystroke, code: 0x1d, prefix: 'e0', isRelease: true }],
    ['03000000 1d00 0000 08000000', { ...keystroke, code: 0x1d, prefix: 'e1' }],
    ['03000000 e420 0000 01000000', { ...keystroke, code: 0x20e4, isUnicode: true }],
  ];

  for (const [text, message] of fromGuest)
    it(`has a guest's ${message.kind} as ${text}`, () => {
      assert.equal(hex(keyboard.encodeKeyboardGuestMessage(message)), text.replaceAll(' ', ''));
      assert.deepEqual(keyboard.decodeKeyboardGuestMessage(bytes(text)), message);
    });
  for (const [text, message] of fromHost)
    it(`has a host's ${message.kind} as ${text}, also padded`, () => {
      assert.equal(hex(keyboard.encodeKeyboardHostMessage(message)), text.replaceAll(' ', ''));
      assert.deepEqual(keyboard.decodeKeyboardHostMessage(bytes(`${text} 00000000`)), message);
    });

  it('refuses what is short, long, or of the other side', () => {
    const refused = { code: 'ERR_VMBUS_PROTOCOL' };
    for (const text of ['', '010000', '01000000 000001', '04000000 04', '05000000 00000000', '02000000 01000000'])
      assert.throws(() => keyboard.decodeKeyboardGuestMessage(bytes(text)), refused, text);
    for (const text of ['02000000 01', '03000000 1e00 0000 000000', '01000000 00000100'])
      assert.throws(() => keyboard.decodeKeyboardHostMessage(bytes(text)), refused, text);
    assert.throws(() => keyboard.decodeKeyboardGuestMessage(new Uint8Array(257).fill(1, 0, 1)), refused);
  });

  it('is not made of numbers that do not fit', () => {
    assert.throws(() => keyboard.encodeKeyboardHostMessage({ ...keystroke, code: 0x1_0000 }), {
      code: 'ERR_OUT_OF_RANGE',
    });
    assert.throws(() => keyboard.encodeKeyboardGuestMessage({ kind: 'protocolRequest', version: -1 }), {
      code: 'ERR_OUT_OF_RANGE',
    });
  });
});

describe('scan codes', () => {
  it('are those of set 1, with their prefixes', () => {
    assert.deepEqual(scanCodesOf('KeyA'), [{ code: 0x1e, prefix: null }]);
    assert.deepEqual(scanCodesOf('ControlRight'), [{ code: 0x1d, prefix: 'e0' }]);
    assert.deepEqual(scanCodesOf('ArrowLeft'), [{ code: 0x4b, prefix: 'e0' }]);
    assert.deepEqual(scanCodesOf('Slash'), [{ code: 0x35, prefix: null }]);
    assert.deepEqual(scanCodesOf('NumpadDivide'), [{ code: 0x35, prefix: 'e0' }]);
    assert.deepEqual(scanCodesOf('Pause'), [
      { code: 0x1d, prefix: 'e1' },
      { code: 0x45, prefix: null },
    ]);
  });

  it('differ from key to key and never have the release bit', () => {
    const seen = new Set(keyNames.map((name) => JSON.stringify(scanCodesOf(name))));

    assert.equal(seen.size, keyNames.length);
    for (const name of keyNames)
      assert.ok(
        scanCodesOf(name).every(({ code }) => code > 0 && code < 0x80),
        name,
      );
    assert.deepEqual(['KeyA', 'keya', 'toString', 5].map(isKeyName), [true, false, false, false]);
  });
});

describe('the synthetic mouse on the wire', () => {
  const fromGuest: [string, mouse.MouseGuestMessage][] = [
    ['01000000 0c000000 | 00000000 04000000 | 00000200', { kind: 'protocolRequest', version: 0x2_0000 }],
    ['01000000 09000000 | 03000000 01000000 | 00', { kind: 'deviceInfoAck' }],
  ];
  const report = encodeMouseReport({ buttons: 1, x: 16_383, y: 16_383, wheel: 0 });
  const fromHost: [string, mouse.MouseHostMessage][] = [
    [
      '01000000 0d000000 | 01000000 05000000 | 00000200 01',
      { kind: 'protocolResponse', version: 0x2_0000, isAccepted: true },
    ],
    [
      `01000000 b1000000 | 02000000 6c000000 | 20000000 5e04 2106 0100 ${'00'.repeat(22)}` +
        `| 09 21 0101 00 01 22 4300 | ${hex(mouseReportDescriptor)} ${'00'.repeat(61)}`,
      { kind: 'deviceInfo', vendor: 0x45e, product: 0x621, version: 1, reportDescriptor: mouseReportDescriptor },
    ],
    ['01000000 0f000000 | 04000000 07000000 | 01 ff3f ff3f 0000', { kind: 'inputReport', report }],
  ];

  for (const [text, message] of fromGuest)
    it(`has a guest's ${message.kind} as documented`, () => {
      assert.equal(hex(mouse.encodeMouseGuestMessage(message)), hex(bytes(text)));
      assert.deepEqual(mouse.decodeMouseGuestMessage(bytes(`${text} 000000`)), message);
    });
  for (const [text, message] of fromHost)
    it(`has a host's ${message.kind} as documented`, () => {
      assert.equal(hex(mouse.encodeMouseHostMessage(message)), hex(bytes(text)));
      assert.deepEqual(mouse.decodeMouseHostMessage(bytes(`${text} 000000`)), message);
    });

  it('has reports with a wheel that turns both ways', () => {
    const turned = { buttons: 0x12, x: 0, y: 32_767, wheel: -2 };

    assert.equal(hex(encodeMouseReport(turned)), '120000ff7ffeff');
    assert.deepEqual(decodeMouseReport(bytes('120000ff7ffeff')), turned);
    assert.throws(() => encodeMouseReport({ ...turned, x: 32_768 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => encodeMouseReport({ ...turned, buttons: 32 }), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('has a descriptor that Linux does not patch, of the size its reports have', () => {
    assert.equal(mouseReportDescriptor.length, 67);
    assert.equal(mouseReportDescriptor[14], 0x29);
    assert.equal(reportBits(mouseReportDescriptor), 7 * 8);
  });

  it('refuses lengths that contradict each other', () => {
    const refused = { code: 'ERR_VMBUS_PROTOCOL' };
    const info = '01000000 32000000 | 02000000 2a000000 | 20000000 5e04 2106 0100';
    const fromGuestBad = [
      '01000000 0c0000',
      '02000000 0c000000 | 00000000 04000000 | 00000200',
      '01000000 0d000000 | 00000000 04000000 | 00000200',
      '01000000 04000000 | 00000000 04000000 | 00000200',
      '01000000 0c000000 | 00000000 05000000 | 00000200',
      '01000000 0b000000 | 00000000 03000000 | 000002',
      '01000000 09000000 | 04000000 01000000 | 00',
    ];
    for (const text of fromGuestBad) assert.throws(() => mouse.decodeMouseGuestMessage(bytes(text)), refused, text);
    for (const tail of [
      '09 21 0101 00 01 22 0000 | 05',
      '09 21 0101 00 01 22 0200 | 05',
      '08 21 0101 00 01 22 0100 | 05',
    ])
      assert.throws(() => mouse.decodeMouseHostMessage(bytes(`${info} ${'00'.repeat(22)} ${tail}`)), refused, tail);
    assert.throws(() => mouse.decodeMouseHostMessage(bytes(info)), refused);
    for (const length of [0, 129]) {
      const info = { kind: 'deviceInfo', vendor: 1, product: 1, version: 1 } as const;
      assert.throws(() => mouse.encodeMouseHostMessage({ ...info, reportDescriptor: new Uint8Array(length) }), {
        code: 'ERR_OUT_OF_RANGE',
      });
    }
  });
});

describe('any bytes', () => {
  const decoders = {
    'keyboard guest': keyboard.decodeKeyboardGuestMessage,
    'keyboard host': keyboard.decodeKeyboardHostMessage,
    'mouse guest': mouse.decodeMouseGuestMessage,
    'mouse host': mouse.decodeMouseHostMessage,
    'mouse report': decodeMouseReport,
  };
  const small = fc.integer({ min: 0, max: 70 }).map((value) => [value, 0, 0, 0]);
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    // Headers that say something likely, so that more than the first check is reached.
    fc
      .tuple(fc.constant([1, 0, 0, 0]), small, small, small, fc.array(fc.nat({ max: 255 }), { maxLength: 80 }))
      .map((parts) => Uint8Array.from(parts.flat())),
  );
  for (const [name, decode] of Object.entries(decoders))
    it(`are a message of the ${name}, or a violation`, () => {
      fc.assert(
        fc.property(anything, (payload) => {
          try {
            decode(payload);
          } catch (error) {
            assert.equal((error as { code?: unknown }).code, 'ERR_VMBUS_PROTOCOL');
          }
        }),
        { numRuns: 2000 },
      );
    });
});

/** Bits of all input items of a HID report descriptor of short items. */
function reportBits(descriptor: Uint8Array): number {
  const globals = new Map<number, number>();
  let bits = 0;
  for (let at = 0; at < descriptor.length; ) {
    const item = descriptor[at] ?? 0;
    const size = (item & 3) === 3 ? 4 : item & 3;
    if ((item & 0xfc) === 0x80) bits += (globals.get(0x74) ?? 0) * (globals.get(0x94) ?? 0);
    globals.set(item & 0xfc, descriptor[at + 1] ?? 0);
    at += 1 + size;
  }
  return bits;
}
