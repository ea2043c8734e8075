// SPDX-License-Identifier: MIT
//
// Messages of /dev/vmbus/hv_fcopy: offsets as the kernel's header has them, names in UTF-8, and what a kernel may have cut.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { FcopyRequest } from '../../dist/protocol/fcopy.js';
import {
  checkFcopyRegistered,
  decodeFcopyDevice,
  decodeFcopyStatus,
  encodeFcopyDevice,
  encodeFcopyRegistration,
  encodeFcopyStatus,
} from '../../dist/protocol/fcopy-device.js';
import { decodedOrRefused, hex, unhex } from './ic-bytes.js';

const filled = (digits: string, bytes: number): string => digits.replaceAll(' ', '').padEnd(bytes * 2, '0');
const utf8 = (text: string): string => Buffer.from(text).toString('hex');
/** A start: header, name, path, flags, size. */
const start = (name: string, path = utf8('/tmp')): string =>
  `${filled('', 36)}${filled(name, 520)}${filled(path, 520)}030000000200000001000000`;
const broken = { code: 'ERR_VMBUS_PROTOCOL' };

describe('a message of the file copy device', () => {
  it('registers with version 1, which the kernel repeats', () => {
    assert.equal(hex(encodeFcopyRegistration()), '01000000');
    checkFcopyRegistered(unhex('01000000'));
    assert.throws(() => checkFcopyRegistered(unhex('02000000')), broken);
    assert.throws(() => checkFcopyRegistered(unhex('010000')), broken);
  });

  it('starts a file with names in UTF-8 where struct hv_start_fcopy has them', () => {
    const message = unhex(start(utf8('ä😀.txt')));
    assert.equal(message.length, 1088);
    const request: FcopyRequest = { kind: 'start', name: 'ä😀.txt', path: '/tmp', flags: 3, sizeBytes: 0x1_0000_0002n };
    assert.deepEqual(decodeFcopyDevice(message), request);
    assert.equal(hex(encodeFcopyDevice(request)), hex(message));
  });

  it('brings data behind 52 bytes, in a message that is always as long as the longest', () => {
    const message = unhex(filled(`${filled('01000000', 40)}001800000000000003000000010203`, 6196));
    assert.deepEqual(decodeFcopyDevice(message), { kind: 'write', offset: 0x1800n, data: Uint8Array.of(1, 2, 3) });
  });

  it('completes and cancels with a header, whatever the kernel leaves behind it', () => {
    assert.deepEqual(decodeFcopyDevice(unhex(`${filled('02', 36)}${'ab'.repeat(28)}`)), { kind: 'complete' });
    assert.deepEqual(decodeFcopyDevice(unhex(`${filled('03', 36)}${'ab'.repeat(28)}`)), { kind: 'cancel' });
  });

  it('is answered with a status', () => {
    assert.equal(hex(encodeFcopyStatus(0x8007_0070)), '70000780');
    assert.equal(decodeFcopyStatus(unhex('70000780')), 0x8007_0070);
    assert.throws(() => decodeFcopyStatus(unhex('7000')), broken);
  });

  for (const [what, digits] of [
    ['a name that does not end', start('61'.repeat(520))],
    ['a path that does not end', start(utf8('a'), '61'.repeat(520))],
    ['a name so long that the kernel may have left out some of it', start('61'.repeat(256))],
    ['a path so long that the kernel may have left out some of it', start(utf8('a'), `2f${'61'.repeat(258)}`)],
    ['a name that is not UTF-8', start('c3')],
    ['a name with half a surrogate pair in it', start('eda080')],
    ['a start that is a byte short', start(utf8('a')).slice(2)],
    ['35 bytes', filled('02', 35)],
    ['an operation nobody knows', filled('04', 36)],
  ] as const) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => decodeFcopyDevice(unhex(digits)), broken);
    });
  }

  it('is decoded from any bytes or refused', () => {
    const field = fc.uint8Array({ minLength: 0, maxLength: 520 });
    fc.assert(
      fc.property(field, field, (name, path) => {
        const message = new Uint8Array(1088);
        message.set(name, 36);
        message.set(path, 556);
        decodedOrRefused('fcopy', () => decodeFcopyDevice(message));
      }),
    );
  });
});
