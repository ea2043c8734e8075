// SPDX-License-Identifier: MIT
//
// Messages of /dev/vmbus/hv_vss: bytes as the kernel's header has them, lies, and answers that it would misunderstand.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  checkVssRegistered,
  decodeVssDeviceRequest,
  encodeVssDeviceAnswer,
  VssDeviceError,
  vssRegistration,
} from '../../dist/protocol/vss-device.js';
import { hex, unhex } from './ic-bytes.js';

describe('the registration', () => {
  it('is operation 129 in twelve bytes, and answered by four', () => {
    assert.equal(hex(vssRegistration), '810000000000000000000000');
    checkVssRegistered(unhex('81000000'));
  });

  for (const [what, digits] of [
    ['another number', '80000000'],
    ['twelve bytes', '810000000000000000000000'],
    ['three bytes', '810000'],
    ['nothing', ''],
  ] as const) {
    it(`is not taken when it is answered with ${what}`, () => {
      assert.throws(() => checkVssRegistered(unhex(digits)), { code: 'ERR_VMBUS_PROTOCOL' });
    });
  }
});

describe('a request', () => {
  it('has its operation first and its flags last', () => {
    assert.deepEqual(decodeVssDeviceRequest(unhex('05ffffffffffffff04030201')), { operation: 5, flags: 0x0102_0304 });
  });

  it('is refused when it is short', () => {
    assert.throws(() => decodeVssDeviceRequest(unhex('0500000000000000000000')), { code: 'ERR_VMBUS_PROTOCOL' });
  });
});

describe('an answer', () => {
  it('has its error in the place of the operation', () => {
    assert.equal(hex(encodeVssDeviceAnswer(VssDeviceError.none)), '000000000000000000000000');
    assert.equal(hex(encodeVssDeviceAnswer(VssDeviceError.fail)), '054000800000000000000000');
  });

  it('that the kernel would take for a registration is not made', () => {
    for (const error of [0x80, 0x81, 0x8007_0080, 0x8007_0081, -128])
      assert.throws(() => encodeVssDeviceAnswer(error), { code: 'ERR_INVALID_ARG_VALUE' });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (error) => {
        const isMistaken = [0x80, 0x81].includes(error & 0xff);
        if (isMistaken) assert.throws(() => encodeVssDeviceAnswer(error));
        else assert.equal(Buffer.from(encodeVssDeviceAnswer(error)).readUInt32LE(0), error);
      }),
    );
  });
});
