// SPDX-License-Identifier: MIT
//
// The storage protocol's packets: bytes as Linux and Hyper-V have them, both revisions, and bytes that nobody should send.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { VmbusError } from '../../dist/index.js';
import {
  decodeProperties,
  decodeSrb,
  decodeSrbReply,
  decodeVersionReply,
  decodeVstorNotice,
  decodeVstorReply,
  decodeVstorRequest,
  encodeProperties,
  encodeSrbReply,
  encodeVersionReply,
  encodeVstorNotice,
  encodeVstorReply,
  encodeVstorRequest,
  ideInstanceGuid,
  ideTargetOf,
  ideUserData,
  NtStatus,
  ntStatusOfSrb,
  SrbStatus,
  type VstorRequest,
  vstorBytesOf,
} from '../../dist/protocol/storvsc.js';

/** Bytes from hexadecimal digits with blanks, with zeroes up to `length`. */
function bytes(hex: string, length = 64): Uint8Array {
  const digits = hex.replaceAll(/[ |]/g, '');
  return Uint8Array.from(Buffer.from(digits.padEnd(2 * length, '0'), 'hex'));
}

const inquiry = bytes(
  '03000000 01000000 00000000 | 3400 00 00 00 00 00 00 | 06 14 01 00 | 24000000 | 12 00 00 00 24 00' +
    '00'.repeat(14) +
    '0000 ff 20 | 4a010000 | 3c000000 | 00000000',
);

describe('requests of a guest', () => {
  const golden: readonly (readonly [string, VstorRequest])[] = [
    ['07000000 01000000 00000000', { kind: 'beginInitialization' }],
    ['09000000 01000000 00000000 0006 0000', { kind: 'queryVersion', version: 0x0600 }],
    ['0a000000 01000000 00000000', { kind: 'queryProperties' }],
    ['08000000 01000000 00000000', { kind: 'endInitialization' }],
    ['0d000000 01000000 00000000 0300', { kind: 'createSubchannels', count: 3 }],
    ['04000000 01000000 00000000 0000000000 010203', { kind: 'resetLun', path: 1, target: 2, lun: 3 }],
    ['05000000 01000000 00000000 0000000000 010203', { kind: 'resetAdapter', path: 1, target: 2, lun: 3 }],
    ['06000000 01000000 00000000 0000000000 010203', { kind: 'resetBus', path: 1, target: 2, lun: 3 }],
  ];

  for (const [hex, request] of golden) {
    it(`have the bytes of ${request.kind}`, () => {
      assert.deepEqual(decodeVstorRequest(bytes(hex)), request);
      assert.deepEqual(encodeVstorRequest(request), bytes(hex));
      assert.deepEqual(decodeVstorRequest(bytes(hex, 48)), request);
      assert.deepEqual(encodeVstorRequest(request, 48), bytes(hex, 48));
    });
  }

  it('have the bytes of a SCSI request', () => {
    const request: VstorRequest = {
      kind: 'executeSrb',
      srb: {
        path: 0,
        target: 0,
        lun: 0,
        cdbLength: 6,
        cdb: bytes('12 00 00 00 24 00', 6),
        direction: 1,
        transferBytes: 36,
        flags: 0x14a,
        timeoutSeconds: 60,
      },
    };

    assert.deepEqual(decodeVstorRequest(inquiry), request);
    assert.deepEqual(encodeVstorRequest(request), inquiry);
  });

  it('have a shorter SCSI request in old versions', () => {
    const old = bytes('03000000 01000000 00000000 | 2400 00 00 00 01 02 03 | 06 12 02 00 | 00000000 | 00', 48);
    const request = decodeVstorRequest(old);

    assert.ok(request.kind === 'executeSrb');
    assert.deepEqual([request.srb.path, request.srb.target, request.srb.lun], [1, 2, 3]);
    assert.deepEqual([request.srb.flags, request.srb.timeoutSeconds], [0, 0]);
    assert.deepEqual(encodeVstorRequest(request, 48), old);
    assert.deepEqual([vstorBytesOf(0x0402), vstorBytesOf(0x0501)], [48, 64]);
  });

  it('are refused when they are short, or nothing that a guest asks for', () => {
    for (const hex of ['01000000', '02000000', '0b000000', '0c000000', '0e000000', '00000000', '03000100'])
      assert.throws(() => decodeVstorRequest(bytes(hex)), { code: 'ERR_VMBUS_PROTOCOL', message: /operation/ });
    assert.throws(() => decodeVstorRequest(inquiry.subarray(0, 47)), { code: 'ERR_VMBUS_PROTOCOL' });
    assert.throws(() => decodeSrb(new Uint8Array(35)), { code: 'ERR_VMBUS_PROTOCOL' });
  });

  it('cut a command that claims to be longer than there is room', () => {
    const long = inquiry.slice();
    long[20] = 255;

    const request = decodeVstorRequest(long);

    assert.ok(request.kind === 'executeSrb');
    assert.deepEqual([request.srb.cdbLength, request.srb.cdb.length], [255, 16]);
  });

  it('are not encoded with numbers that do not fit', () => {
    const srb = { path: 256, target: 0, lun: 0, cdbLength: 6, cdb: new Uint8Array(6), direction: 0 };
    const rest = { transferBytes: 0, flags: 0, timeoutSeconds: 0 };
    const range = { code: 'ERR_OUT_OF_RANGE' };
    assert.throws(() => encodeVstorRequest({ kind: 'executeSrb', srb: { ...srb, ...rest } }), range);
    const cdb = new Uint8Array(17);
    assert.throws(() => encodeVstorRequest({ kind: 'executeSrb', srb: { ...srb, ...rest, path: 0, cdb } }), range);
    assert.throws(() => encodeVstorRequest({ kind: 'queryVersion', version: 0x1_0000 }), range);
    assert.throws(() => encodeVstorRequest({ kind: 'resetBus', path: -1, target: 0, lun: 0 }), range);
  });
});

describe('answers of a host', () => {
  it('have the documented bytes', () => {
    const properties = { maxSubchannels: 3, isMultichannel: true, maxTransferBytes: 0x4_0000 };
    const version = encodeVstorReply(0, 64, (body) => encodeVersionReply(body, 0x0600));

    assert.deepEqual(encodeVstorReply(0, 64), bytes('01000000 00000000 00000000'));
    assert.deepEqual(version, bytes('01000000 00000000 00000000 0006 0000'));
    const reply = encodeVstorReply(0, 64, (body) => encodeProperties(body, properties));
    assert.deepEqual(reply, bytes('01000000 00000000 00000000 00000000 0300 0000 01000000 00000400'));
    assert.deepEqual(decodeProperties(decodeVstorReply(reply).body), properties);
    assert.equal(decodeVersionReply(decodeVstorReply(version).body), 0x0600);
    assert.deepEqual(
      encodeVstorReply(NtStatus.revisionMismatch, 48),
      bytes('01000000 00000000 590000c0', 48),
      'as long as the request',
    );
    assert.equal(encodeVstorReply(0, 4096).length, 64, 'but no longer than a packet');
  });

  it('have the bytes of a SCSI reply, with and without sense', () => {
    const place = { path: 0, target: 0, lun: 0 };
    const good = { ...place, srbStatus: 1, scsiStatus: 0, transferBytes: 36, sense: null };
    const sense = bytes('70 00 07 00000000 0a 00000000 27 00', 18);
    const bad = { ...place, srbStatus: 4, scsiStatus: 2, transferBytes: 0, sense };
    const goodBytes = bytes('01000000 00000000 00000000 | 3400 01 00 00 00 00 00 | 10 14 00 00 | 24000000');
    const badBytes = bytes(
      '01000000 00000000 850100c0 | 3400 84 02 00 00 00 00 | 10 14 00 00 | 00000000 | 70 00 07 00000000 0a 00000000 27 00',
    );

    assert.deepEqual(
      encodeVstorReply(0, 64, (body) => encodeSrbReply(body, good)),
      goodBytes,
    );
    assert.deepEqual(decodeSrbReply(decodeVstorReply(goodBytes).body), good);
    assert.deepEqual(
      encodeVstorReply(ntStatusOfSrb(0x84), 64, (body) => encodeSrbReply(body, bad)),
      badBytes,
    );
    assert.deepEqual(decodeSrbReply(decodeVstorReply(badBytes).body), {
      ...bad,
      sense: bytes('', 20)
        .fill(0)
        .map((_, i) => sense[i] ?? 0),
    });
  });

  it('are shorter where the request was of revision 1', () => {
    const reply = {
      path: 1,
      target: 2,
      lun: 3,
      srbStatus: 4,
      scsiStatus: 2,
      transferBytes: 0,
      sense: new Uint8Array(18),
    };
    const payload = encodeVstorReply(0, 48, (body) => encodeSrbReply(body, reply));

    assert.deepEqual(payload, bytes('01000000 00000000 00000000 | 2400 84 02 00 01 02 03 | 10 12', 48));
    assert.throws(
      () => encodeVstorReply(0, 48, (body) => encodeSrbReply(body, { ...reply, sense: new Uint8Array(20) })),
      { code: 'ERR_OUT_OF_RANGE' },
    );
  });

  it('have no sense where the status does not say so, and never more than there is room for', () => {
    const body = (hex: string): Uint8Array => bytes(hex, 52);
    assert.equal(decodeSrbReply(body('3400 84 00 00000000 10 14')).sense, null);
    assert.equal(decodeSrbReply(body('3400 04 02 00000000 10 14')).sense, null);
    assert.equal(decodeSrbReply(body('3400 84 02 00000000 10 ff')).sense?.length, 20);
    assert.equal(decodeSrbReply(body('3400 c1 00 00000000 10 14')).srbStatus, 1);
  });

  it('are refused when they are short or no completion', () => {
    assert.throws(() => decodeVstorReply(new Uint8Array(47)), { code: 'ERR_VMBUS_PROTOCOL' });
    assert.throws(() => decodeVstorReply(bytes('03000000')), { code: 'ERR_VMBUS_PROTOCOL' });
    assert.throws(() => decodeProperties(new Uint8Array(23)), { code: 'ERR_VMBUS_PROTOCOL' });
    assert.throws(() => decodeVersionReply(new Uint8Array(1)), { code: 'ERR_VMBUS_PROTOCOL' });
  });

  it('say unasked that the units changed', () => {
    assert.deepEqual(encodeVstorNotice('enumerateBus', 64), bytes('0b000000'));
    assert.equal(decodeVstorNotice(bytes('0b000000')), 'enumerateBus');
    assert.equal(decodeVstorNotice(encodeVstorNotice('removeDevice', 48)), 'removeDevice');
    assert.equal(decodeVstorNotice(bytes('0e000000')), 'eventNotification');
    assert.equal(decodeVstorNotice(bytes('0c000000')), 'unknown');
    assert.throws(() => decodeVstorNotice(new Uint8Array(3)), { code: 'ERR_VMBUS_PROTOCOL' });
  });

  it('have a status word for every SRB status', () => {
    assert.deepEqual(
      [SrbStatus.success, SrbStatus.invalidLun, SrbStatus.dataOverrun, 0x84, 0x3f].map(ntStatusOfSrb),
      [0, 0xc000_00c0, 0x8000_0005, 0xc000_0185, 0xc000_0185],
    );
  });
});

describe('an IDE disk', () => {
  it('is named and described by its place', () => {
    assert.equal(ideInstanceGuid({ channel: 1, device: 0 }), '00000001-0000-8899-0000-000000000000');
    assert.deepEqual(ideUserData({ channel: 1, device: 1 }), bytes('0000 01 01 00000000 02000000', 24));
    assert.equal(ideTargetOf(ideInstanceGuid({ channel: 1, device: 1 })), 1);
    assert.throws(() => ideInstanceGuid({ channel: 2, device: 0 }), { code: 'ERR_OUT_OF_RANGE' });
  });
});

describe('storage packets of any bytes', () => {
  const decoders = [
    decodeVstorRequest,
    decodeVstorReply,
    decodeVstorNotice,
    decodeSrb,
    decodeSrbReply,
    decodeProperties,
  ];

  it('are decoded or refused as a violation, nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(15), (noise, operation) => {
        if (noise.length > 4) noise.set([operation, 0, 0, 0]);
        for (const decode of decoders) {
          try {
            decode(noise);
          } catch (error) {
            assert.ok(VmbusError.is(error) && error.code === 'ERR_VMBUS_PROTOCOL', String(error));
          }
        }
      }),
    );
  });

  it('come back from their bytes', () => {
    const byte = fc.nat(255);
    const srb = fc.record({
      path: byte,
      target: byte,
      lun: byte,
      cdb: fc.uint8Array({ minLength: 1, maxLength: 16 }),
      direction: fc.nat(2),
      transferBytes: fc.nat(0xffff_ffff),
      flags: fc.nat(0xffff_ffff),
      timeoutSeconds: fc.nat(0xffff_ffff),
    });
    fc.assert(
      fc.property(srb, (one) => {
        const request = { kind: 'executeSrb' as const, srb: { ...one, cdbLength: one.cdb.length } };
        assert.deepEqual(decodeVstorRequest(encodeVstorRequest(request)), request);
      }),
    );
  });
});
