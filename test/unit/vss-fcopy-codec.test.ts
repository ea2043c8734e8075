// SPDX-License-Identifier: MIT
//
// Bodies of the backup and file copy services: offsets as hosts and Linux have them, lies in counts and sizes, any bytes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseGuid } from '../../dist/guid.js';
import { decodeFcopy, encodeFcopy, type FcopyRequest, fcopyPieceBytes } from '../../dist/protocol/fcopy.js';
import { encodeIcMessage, IcType, icVersion } from '../../dist/protocol/ic.js';
import {
  decodeVss,
  encodeVss,
  encodeVssReply,
  VssFlag,
  type VssMessage,
  VssOperation,
} from '../../dist/protocol/vss.js';
import { decodedOrRefused, hex, unhex } from './ic-bytes.js';

const utf16 = (text: string): string => Buffer.from(text, 'utf16le').toString('hex');
const filled = (digits: string, bytes: number): string => digits.replaceAll(' ', '').padEnd(bytes * 2, '0');

describe('a backup message', () => {
  it('has, for a plain freeze, the 40 bytes that Linux asks for', () => {
    const body = encodeVss({ operation: VssOperation.freeze, flags: 0, details: null });
    const payload = encodeIcMessage({ framework: icVersion(3, 0), type: IcType.vss, version: icVersion(5, 0), body });

    const golden = '01000000 20000000 03000000 0500 05000000 0c00 00000000 00 03 0000 0500000000000000 00000000';
    assert.equal(hex(payload), hex(unhex(golden)));
    assert.deepEqual(decodeVss(body), { operation: 5, flags: 0, details: null });
  });

  it('is answered with flags', () => {
    const request = encodeVss({ operation: VssOperation.hotBackup, flags: 0, details: null });

    assert.equal(hex(encodeVssReply(request, VssFlag.noAutoRecovery)), '020000000000000005000000');
    assert.throws(() => encodeVssReply(request.subarray(0, 11), 0), { code: 'ERR_VMBUS_PROTOCOL' });
  });

  const disk = { bus: 1, controller: parseGuid('00112233-4455-6677-8899-aabbccddeeff'), port: 2, target: 3, lun: 4 };
  const details = { backupType: 7, flags: 8, disks: [disk] };
  const detailed =
    '0500000000000000 07000000 08000000 01000000 01000000 33221100 5544 7766 8899aabbccddeeff 02 03 04 00';

  it('can name the disks of a freeze', () => {
    const body = encodeVss({ operation: VssOperation.freeze, flags: 0, details });

    assert.equal(hex(body), hex(unhex(detailed)));
    assert.deepEqual(decodeVss(body).details, details);
  });

  it('has room for 260 disks', () => {
    const many = { ...details, disks: new Array(260).fill(disk) };
    const body = encodeVss({ operation: VssOperation.freeze, flags: 0, details: many });

    assert.deepEqual([body.length, decodeVss(body).details?.disks.length], [6260, 260]);
    assert.throws(() => encodeVss({ operation: 5, flags: 0, details: { ...many, disks: [...many.disks, disk] } }), {
      code: 'ERR_OUT_OF_RANGE',
    });
    assert.throws(() => encodeVss({ operation: 6, flags: 0, details }), { code: 'ERR_OUT_OF_RANGE' });
  });

  for (const [what, digits] of [
    ['11 bytes', '0500000000000000 000000'],
    ['more disks than follow', detailed.replace('01000000', '02000000')],
    ['2^32 - 1 disks', detailed.replace('01000000', 'ffffffff')],
    ['261 disks', filled('0500000000000000 07000000 08000000 05010000', 20 + 261 * 24)],
  ] as const) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => decodeVss(unhex(digits)), { code: 'ERR_VMBUS_PROTOCOL' });
    });
  }

  it('comes back as it was, and is decoded from any bytes or refused', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(0xffff_ffff), (operation, flags) => {
        const message: VssMessage = { operation, flags, details: null };
        assert.deepEqual(decodeVss(encodeVss(message)), message);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), fc.nat(5), (bytes, isFreeze, count) => {
        if (isFreeze && bytes.length > 19) bytes.set([5, ...bytes.subarray(1, 16), count, 0, 0, 0]);
        decodedOrRefused('vss', () => decodeVss(bytes));
      }),
    );
  });
});

describe('a file copy request', () => {
  const start: FcopyRequest = { kind: 'start', name: 'ä.txt', path: '/tmp', flags: 3, sizeBytes: 0x1_0000_0002n };

  it('to start has its fields where the daemon looks for them', () => {
    const body = encodeFcopy(start);

    const names = filled(utf16('ä.txt'), 520) + filled(utf16('/tmp'), 520);
    assert.equal(hex(body), `${filled('00000000', 36)}${names}030000000200000001000000`);
    assert.equal(body.length, 1088);
    assert.deepEqual(decodeFcopy(body), start);
  });

  it('to write has offset, size and data behind the header', () => {
    const body = encodeFcopy({ kind: 'write', offset: 0x1800n, data: Uint8Array.of(1, 2, 3) });

    assert.equal(hex(body), `${filled('01000000', 40)}001800000000000003000000010203`);
    assert.deepEqual(decodeFcopy(body), { kind: 'write', offset: 0x1800n, data: Uint8Array.of(1, 2, 3) });
    assert.equal(encodeFcopy({ kind: 'write', offset: 0n, data: new Uint8Array(fcopyPieceBytes) }).length, 6196);
  });

  it('to complete or to cancel is a header', () => {
    for (const [kind, operation] of [
      ['complete', '02'],
      ['cancel', '03'],
    ] as const) {
      assert.equal(hex(encodeFcopy({ kind })), filled(operation, 36));
      assert.deepEqual(decodeFcopy(unhex(filled(operation, 36))), { kind });
    }
  });

  it('is not made of what does not fit', () => {
    assert.throws(() => encodeFcopy({ ...start, name: 'n'.repeat(260) } as FcopyRequest), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => encodeFcopy({ ...start, path: 5 } as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => encodeFcopy({ kind: 'write', offset: 0n, data: new Uint8Array(6145) }), {
      code: 'ERR_OUT_OF_RANGE',
    });
    assert.throws(() => encodeFcopy({ kind: 'write', offset: -1n, data: new Uint8Array(1) }), {
      code: 'ERR_OUT_OF_RANGE',
    });
    assert.throws(() => encodeFcopy({ kind: 'write', offset: 0n, data: 'text' as never }), {
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });

  const write = (offset: string, size: string, data = ''): string => `${filled('01000000', 40)}${offset}${size}${data}`;
  for (const [what, digits] of [
    ['35 bytes', filled('02', 35)],
    ['an operation nobody knows', filled('04', 36)],
    ['a start that is a byte short', filled('00', 1087)],
    ['a name that does not end', filled(filled('', 36) + '6100'.repeat(260), 1088)],
    ['a path that does not end', filled(filled('', 556) + '6100'.repeat(260), 1088)],
    ['a write without a size', write('0000000000000000', '000000')],
    ['more data than follows', write('0000000000000000', '02000000', '00')],
    ['more data than a piece has', write('0000000000000000', '01180000', '00'.repeat(6145))],
    ['a write that passes 2^63', write('ffffffffffffff7f', '01000000', '00')],
    ['a write at 2^64 - 1', write('ffffffffffffffff', '00000000')],
  ] as const) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => decodeFcopy(unhex(digits)), { code: 'ERR_VMBUS_PROTOCOL' });
    });
  }

  it('comes back as it was, and is decoded from any bytes or refused', () => {
    const name = fc.string({ unit: 'binary', maxLength: 120 }).map((any) => any.replaceAll('\0', ''));
    const offset = fc.bigInt({ min: 0n, max: 2n ** 62n });
    fc.assert(
      fc.property(name, name, fc.nat(3), offset, fc.uint8Array(), (file, path, flags, position, data) => {
        const begin: FcopyRequest = { kind: 'start', name: file, path, flags, sizeBytes: position };
        assert.deepEqual(decodeFcopy(encodeFcopy(begin)), begin);
        const piece: FcopyRequest = { kind: 'write', offset: position, data };
        assert.deepEqual(decodeFcopy(encodeFcopy(piece)), piece);
      }),
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.constantFrom(0, 36, 52, 80, 1088),
        fc.nat(4),
        (bytes, size, op) => {
          const body = new Uint8Array(size);
          body.set(bytes.subarray(0, size));
          if (size > 0) body.set([op, 0, 0, 0]);
          decodedOrRefused('fcopy', () => decodeFcopy(body));
        },
      ),
    );
  });
});
