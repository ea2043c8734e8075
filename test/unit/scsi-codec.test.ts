// SPDX-License-Identifier: MIT
//
// SCSI commands and data of a disk: bytes as the standards have them, and bytes that nobody should send.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  decodeCapacity10,
  decodeCapacity16,
  encodeCapacity10,
  encodeCapacity16,
} from '../../dist/protocol/scsi/capacity.js';
import { decodeCdb } from '../../dist/protocol/scsi/cdb.js';
import { encodeCdb } from '../../dist/protocol/scsi/cdb-encode.js';
import type { ScsiCommand } from '../../dist/protocol/scsi/commands.js';
import { decodeInquiry, encodeInquiry } from '../../dist/protocol/scsi/inquiry.js';
import { decodeLuns, decodeUnmap, encodeLuns, encodeUnmap } from '../../dist/protocol/scsi/lists.js';
import { decodeModeSense, encodeModeSense } from '../../dist/protocol/scsi/mode-sense.js';
import { decodeSense, encodeSense, senses } from '../../dist/protocol/scsi/sense.js';
import {
  decodeBlockLimits,
  decodeDesignators,
  decodeProvisioning,
  decodeSerial,
  decodeVpdPage,
  encodeBlockLimits,
  encodeCharacteristics,
  encodeDesignators,
  encodeProvisioning,
  encodeSerial,
  encodeSupportedPages,
} from '../../dist/protocol/scsi/vpd.js';

const hex = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits.replaceAll(' ', ''), 'hex'));

describe('a command', () => {
  const plain = { forceUnitAccess: false };
  const golden: readonly (readonly [string, ScsiCommand])[] = [
    ['00 00 00 00 00 00', { kind: 'testUnitReady' }],
    ['03 00 00 00 12 00', { kind: 'requestSense', allocationBytes: 18 }],
    ['08 1f ff fe 00 00', { kind: 'read', form: 6, lba: 0x1f_fffen, blocks: 256, ...plain }],
    ['0a 00 00 10 08 00', { kind: 'write', form: 6, lba: 16n, blocks: 8, ...plain }],
    ['12 00 00 00 24 00', { kind: 'inquiry', page: null, allocationBytes: 36 }],
    ['12 01 83 01 00 00', { kind: 'inquiry', page: 0x83, allocationBytes: 256 }],
    ['1a 00 3f 00 c0 00', { kind: 'modeSense', form: 6, page: 0x3f, subpage: 0, control: 0, allocationBytes: 192 }],
    [
      '5a 00 48 ff 00 00 00 01 00 00',
      { kind: 'modeSense', form: 10, page: 8, subpage: 255, control: 1, allocationBytes: 256 },
    ],
    ['1b 00 00 00 02 00', { kind: 'startStopUnit', start: false, eject: true }],
    ['25 00 00 00 00 00 00 00 00 00', { kind: 'readCapacity', form: 10, allocationBytes: 8 }],
    ['9e 10 0000000000000000 00000020 00 00', { kind: 'readCapacity', form: 16, allocationBytes: 32 }],
    ['28 00 00000000 00 0008 00', { kind: 'read', form: 10, lba: 0n, blocks: 8, ...plain }],
    [
      '2a 08 01020304 00 0506 00',
      { kind: 'write', form: 10, lba: 0x0102_0304n, blocks: 0x0506, forceUnitAccess: true },
    ],
    ['a8 00 00000010 00010000 00 00', { kind: 'read', form: 12, lba: 16n, blocks: 65_536, ...plain }],
    ['aa 00 ffffffff 00000001 00 00', { kind: 'write', form: 12, lba: 0xffff_ffffn, blocks: 1, ...plain }],
    ['88 00 0000000100000000 00000080 00 00', { kind: 'read', form: 16, lba: 2n ** 32n, blocks: 128, ...plain }],
    ['8a 08 00000000000000ff 00000001 00 00', { kind: 'write', form: 16, lba: 255n, blocks: 1, forceUnitAccess: true }],
    ['35 00 00000000 00 0000 00', { kind: 'synchronizeCache', form: 10, lba: 0n, blocks: 0 }],
    ['91 00 0000000000000001 00000002 00 00', { kind: 'synchronizeCache', form: 16, lba: 1n, blocks: 2 }],
    ['41 08 00000001 00 0002 00', { kind: 'writeSame', form: 10, lba: 1n, blocks: 2, unmap: true, noData: false }],
    [
      '93 01 0000000000000001 00000002 00 00',
      { kind: 'writeSame', form: 16, lba: 1n, blocks: 2, unmap: false, noData: true },
    ],
    ['42 00 00000000 00 0018 00', { kind: 'unmap', parameterBytes: 24 }],
    ['a0 00 00 000000 00001000 00 00', { kind: 'reportLuns', select: 0, allocationBytes: 4096 }],
  ];

  for (const [digits, command] of golden) {
    it(`has the bytes of ${command.kind} ${digits.slice(0, 2)}`, () => {
      assert.deepEqual(decodeCdb(hex(digits)), command);
      assert.deepEqual(encodeCdb(command), hex(digits));
      assert.deepEqual(decodeCdb(Uint8Array.of(...hex(digits), 0xff)), command, 'with bytes behind it');
      assert.deepEqual(decodeCdb(hex(digits).subarray(0, -1)), {
        kind: 'problem',
        about: 'length',
        opcode: Number.parseInt(digits.slice(0, 2), 16),
      });
    });
  }

  it('is a problem with an opcode or a field that no disk of ours has', () => {
    const about = (digits: string): unknown => {
      const command = decodeCdb(hex(digits.padEnd(32, '0')));
      return command.kind === 'problem' ? command.about : command.kind;
    };
    assert.equal(decodeCdb(new Uint8Array()).kind, 'problem');
    assert.deepEqual(['16', '5f', '7f', 'a3', 'c0', 'ff', '15'].map(about), Array(7).fill('opcode'));
    assert.deepEqual(
      ['0301', '120080', '9e11', '2820', '8ae0', '4101', '9310', '4104', '4201'].map(about),
      Array(9).fill('field'),
    );
  });

  it('is not encoded with numbers that do not fit', () => {
    const range = { code: 'ERR_OUT_OF_RANGE' };
    const read = { kind: 'read', lba: 0n, blocks: 1, forceUnitAccess: false } as const;
    for (const wrong of [
      { ...read, form: 6, lba: 0x20_0000n },
      { ...read, form: 6, blocks: 257 },
      { ...read, form: 6, blocks: 0 },
      { ...read, form: 6, forceUnitAccess: true },
      { ...read, form: 10, blocks: 65_536 },
      { ...read, form: 10, lba: 2n ** 32n },
      { ...read, form: 16, lba: -1n },
      { ...read, form: 16, blocks: 1.5 },
      { kind: 'inquiry', page: 256, allocationBytes: 0 },
      { kind: 'modeSense', form: 6, page: 64, subpage: 0, control: 0, allocationBytes: 4 },
      { kind: 'writeSame', form: 10, lba: 0n, blocks: 1, unmap: false, noData: true },
    ] as const satisfies readonly ScsiCommand[])
      assert.throws(
        () => encodeCdb(wrong),
        range,
        JSON.stringify(wrong, (_, v: unknown) => String(v)),
      );
  });
});

describe('data of a disk', () => {
  it('are sense in the fixed format', () => {
    assert.deepEqual(encodeSense(senses.writeProtected), hex('70 00 07 00000000 0a 00000000 27 00 00000000'));
    assert.deepEqual(decodeSense(encodeSense(senses.capacityChanged)), { key: 6, asc: 0x2a, ascq: 9 });
    assert.deepEqual(decodeSense(hex('72 05 20 00')), { key: 5, asc: 0x20, ascq: 0 });
    assert.deepEqual(decodeSense(hex('f1 00 03 00000000 0a 00000000 11 04 00000000')), { key: 3, asc: 0x11, ascq: 4 });
    assert.deepEqual(decodeSense(hex('70 00 06 00000000 00')), { key: 6, asc: 0, ascq: 0 }, 'without codes');
    assert.equal(decodeSense(hex('00 00 06 00000000 0a')), null);
    assert.equal(decodeSense(new Uint8Array()), null);
    assert.throws(() => encodeSense({ key: 16, asc: 0, ascq: 0 }), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('are what it is', () => {
    const disk = { isPresent: true, deviceType: 0, isRemovable: false, version: 5 };
    const data = { ...disk, vendor: 'Msft', product: 'Virtual Disk', revision: '1.0' };
    const bytes = encodeInquiry(data);

    assert.equal(Buffer.from(bytes).toString('latin1'), '\x00\x00\x05\x02\x1f\x00\x00\x02Msft    Virtual Disk    1.0 ');
    assert.deepEqual(decodeInquiry(bytes), data);
    assert.equal(encodeInquiry({ ...data, isPresent: false })[0], 0x7f);
    assert.equal(decodeInquiry(encodeInquiry({ ...data, isPresent: false }))?.isPresent, false);
    assert.equal(decodeInquiry(bytes.subarray(0, 35)), null);
    assert.throws(() => encodeInquiry({ ...data, vendor: 'Microsoft' }), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('are pages of vital product data', () => {
    const limits = { maxTransferBlocks: 512, maxUnmapBlocks: 1 << 21, maxUnmapDescriptors: 256, unmapGranularity: 8 };
    const all = { ...limits, maxWriteSameBlocks: 16_384n };
    const provisioning = { unmap: true, writeSame16: true, writeSame10: true, readsZeroes: true, isThin: true };
    const name = { type: 3, isText: false, bytes: hex('6002248000000001') };

    assert.deepEqual(encodeSupportedPages([0, 0x80, 0xb0]), hex('00 00 0003 00 80 b0'));
    assert.deepEqual(encodeSerial('a1'), hex('00 80 0002 6131'));
    assert.equal(decodeSerial(encodeSerial('  a1 ')), 'a1');
    assert.deepEqual(encodeDesignators([name]), hex('00 83 000c 01 03 00 08 6002248000000001'));
    assert.deepEqual(decodeDesignators(encodeDesignators([name, name])), [name, name]);
    assert.deepEqual(
      encodeBlockLimits(all),
      hex(
        `00 b0 003c 01 00 0000 00000200 00000000 00000000 00200000 00000100 00000008 00000000 0000000000004000 ${'00'.repeat(20)}`,
      ),
    );
    assert.deepEqual(decodeBlockLimits(encodeBlockLimits(all)), all);
    assert.deepEqual(encodeCharacteristics(), hex(`00 b1 003c 0001 ${'00'.repeat(58)}`));
    assert.deepEqual(encodeProvisioning(provisioning), hex('00 b2 0004 00 e4 02 00'));
    assert.deepEqual(decodeProvisioning(encodeProvisioning(provisioning)), provisioning);
    assert.equal(decodeVpdPage(encodeSerial('a1'), 0x83), null, 'another page');
    assert.equal(decodeVpdPage(encodeSerial('a1').subarray(0, 5), 0x80), null, 'cut off');
    assert.equal(decodeDesignators(hex('00 83 0005 01 03 00 08 60')), null, 'longer than its page');
  });

  it('are its capacity', () => {
    const small = { blocks: 0x800n, blockBytes: 512 };
    const more = { physicalExponent: 3, isThin: true, readsZeroes: true };

    assert.deepEqual(encodeCapacity10(small), hex('000007ff 00000200'));
    assert.deepEqual(decodeCapacity10(encodeCapacity10(small)), small);
    assert.deepEqual(encodeCapacity10({ ...small, blocks: 2n ** 32n }), hex('ffffffff 00000200'));
    assert.equal(decodeCapacity10(hex('ffffffff 00000200')), null);
    assert.deepEqual(
      encodeCapacity16({ ...small, ...more }),
      hex(`00000000000007ff 00000200 00 03 c0 ${'00'.repeat(17)}`),
    );
    assert.deepEqual(decodeCapacity16(encodeCapacity16({ ...small, ...more, blocks: 2n ** 40n })), {
      ...small,
      ...more,
      blocks: 2n ** 40n,
    });
    assert.equal(decodeCapacity16(new Uint8Array(31)), null);
  });

  it('are how it is set', () => {
    const mode = { isWriteProtected: true, forcesUnitAccess: true, hasWriteCache: true };
    const caching = `08 12 04 ${'00'.repeat(17)}`;

    assert.deepEqual(encodeModeSense(6, mode), hex(`17 00 90 00 ${caching}`));
    assert.deepEqual(encodeModeSense(10, mode), hex(`001a 00 90 00 00 0000 ${caching}`));
    assert.equal(encodeModeSense(6, mode, true)[6], 0, 'nothing can be changed');
    for (const form of [6, 10] as const) {
      assert.deepEqual(decodeModeSense(form, encodeModeSense(form, mode)), mode);
      assert.equal(decodeModeSense(form, encodeModeSense(form, mode).subarray(0, -1)), null);
    }
    assert.deepEqual(decodeModeSense(6, hex('0b 00 00 08 0000000000000000')), {
      isWriteProtected: false,
      forcesUnitAccess: false,
      hasWriteCache: null,
    });
    assert.equal(decodeModeSense(6, hex(`21 00 00 00 0a 02 00 00 4a 01 0002 0000 ${caching}`))?.hasWriteCache, true);
  });

  it('are the list of units', () => {
    assert.deepEqual(encodeLuns([0, 63]), hex('00000010 00000000 0000000000000000 003f000000000000'));
    assert.deepEqual(decodeLuns(encodeLuns([0, 1, 255])), [0, 1, 255]);
    assert.deepEqual(decodeLuns(hex('ffffffff 00000000 0001000000000000 00020000')), [1], 'a list that lies');
    assert.deepEqual(decodeLuns(hex('00000010 00000000 0101000000000000 4002000000000000')), [], 'ways of numbering');
    assert.throws(() => encodeLuns([256]), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('are extents to unmap', () => {
    const extents = [
      { lba: 8n, blocks: 16 },
      { lba: 2n ** 33n, blocks: 1 },
    ];
    const bytes = hex('0026 0020 00000000 0000000000000008 00000010 00000000 0000000200000000 00000001 00000000');

    assert.deepEqual(encodeUnmap(extents), bytes);
    assert.deepEqual(decodeUnmap(bytes), extents);
    assert.equal(decodeUnmap(bytes.subarray(0, 30)), null, 'less than the header says');
    assert.equal(decodeUnmap(hex('0000 0010 00000000 0000000000000008 00000010 00000000')), null);
    assert.deepEqual(decodeUnmap(hex('0012 000c 00000000 0000000000000008 00000010')), [], 'no whole extent');
    assert.throws(() => encodeUnmap([{ lba: 0n, blocks: 2 ** 32 }]), { code: 'ERR_OUT_OF_RANGE' });
  });
});

describe('SCSI bytes of any kind', () => {
  const decoders = [
    decodeCdb,
    decodeSense,
    decodeInquiry,
    decodeSerial,
    decodeDesignators,
    decodeBlockLimits,
    decodeProvisioning,
    decodeCapacity10,
    decodeCapacity16,
    (bytes: Uint8Array) => decodeModeSense(6, bytes),
    (bytes: Uint8Array) => decodeModeSense(10, bytes),
    decodeLuns,
    decodeUnmap,
  ];

  it('never crash a decoder', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(0x83, 0xb0, 0xb2, 0x80), (noise, page) => {
        const vital = Uint8Array.of(0, page, noise.length >> 8, noise.length & 0xff, ...noise);
        for (const decode of decoders) for (const bytes of [noise, vital]) decode(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it('are the same after decoding and encoding a command', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (noise) => {
        const first = decodeCdb(noise);
        if (first.kind === 'problem') return;
        const second = decodeCdb(encodeCdb(first));
        assert.deepEqual(second, first);
      }),
      { numRuns: 2000 },
    );
  });
});
