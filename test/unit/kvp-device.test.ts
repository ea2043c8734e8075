// SPDX-License-Identifier: MIT
//
// Messages of /dev/vmbus/hv_kvp: offsets as struct hv_kvp_msg has them, compiled for x86-64 from Linux 5.10, 6.1 and 7.3.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  decodeKvpDeviceReply,
  decodeKvpDeviceRequest,
  decodeKvpRegistration,
  encodeKvpDeviceReply,
  encodeKvpDeviceRequest,
  encodeKvpRegistration,
} from '../../dist/protocol/kvp-device.js';

/** A message with texts and bytes at offsets. */
function message(...parts: readonly (readonly [offset: number, what: string | readonly number[]])[]): Uint8Array {
  const bytes = Buffer.alloc(7432);
  for (const [offset, what] of parts) bytes.set(typeof what === 'string' ? Buffer.from(what) : what, offset);
  return bytes;
}
const textAt = (bytes: Uint8Array, offset: number): string => {
  const rest = Buffer.from(bytes).subarray(offset);
  return rest.subarray(0, rest.indexOf(0)).toString();
};
const wordAt = (bytes: Uint8Array, offset: number): number => Buffer.from(bytes).readUInt32LE(offset);

describe('a registration', () => {
  it('is operation 100, and its answer has the kernel’s version', () => {
    const registration = encodeKvpRegistration();
    assert.deepEqual([registration.length, registration[0], registration[1]], [7432, 100, 0]);
    assert.equal(decodeKvpRegistration(message([0, [100]], [4, '3.1'])), '3.1');
    assert.throws(() => decodeKvpRegistration(message([0, [4]], [4, '3.1'])), { code: 'ERR_VMBUS_PROTOCOL' });
    assert.throws(() => decodeKvpRegistration(new Uint8Array(100)), { code: 'ERR_VMBUS_PROTOCOL' });
  });
});

describe('a request', () => {
  it('is read from where the kernel puts it', () => {
    assert.deepEqual(decodeKvpDeviceRequest(message([0, [0, 1]], [16, 'größe'])), {
      kind: 'get',
      pool: 1,
      key: 'größe',
    });
    assert.deepEqual(decodeKvpDeviceRequest(message([0, [1, 0]], [16, 'key'], [528, 'value'])), {
      kind: 'set',
      pool: 0,
      key: 'key',
      value: 'value',
    });
    assert.deepEqual(decodeKvpDeviceRequest(message([0, [2, 3]], [8, 'key'])), { kind: 'delete', pool: 3, key: 'key' });
    assert.deepEqual(decodeKvpDeviceRequest(message([0, [3, 2]], [4, [7]])), { kind: 'enumerate', pool: 2, index: 7 });
    assert.deepEqual(decodeKvpDeviceRequest(message([0, [4]], [4, '00:15:5D:00:00:01'], [260, [3]])), {
      kind: 'getIpInfo',
      adapterId: '00:15:5D:00:00:01',
      family: 'both',
    });
    const set = decodeKvpDeviceRequest(
      message(
        [0, [5]],
        [4, '{guid}'],
        [260, [1, 1]],
        [262, '10.0.0.2;10.0.0.3'],
        [2310, '255.0.0.0'],
        [4358, '10.0.0.1'],
        [5382, '9.9.9.9'],
      ),
    );
    assert.deepEqual(set, {
      kind: 'setIpInfo',
      info: {
        adapterId: '{guid}',
        family: 'ipv4',
        isDhcp: true,
        addresses: ['10.0.0.2', '10.0.0.3'],
        subnets: ['255.0.0.0'],
        gateways: ['10.0.0.1'],
        dnsServers: ['9.9.9.9'],
        origins: [],
      },
    });
  });

  it('of no operation or pool that there is, is none', () => {
    for (const wrong of [message([0, [6]]), message([0, [1, 5]]), message([0, [4]], [260, [4]]), new Uint8Array(7431)])
      assert.throws(() => decodeKvpDeviceRequest(wrong), { code: 'ERR_VMBUS_PROTOCOL' });
  });

  it('without a NUL ends with its field', () => {
    const request = decodeKvpDeviceRequest(message([0, [2]], [8, 'k'.repeat(512)], [520, 'x'.repeat(600)]));
    assert.deepEqual(request, { kind: 'delete', pool: 0, key: 'k'.repeat(512) });
  });

  it('of any bytes is read or refused', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 7432, maxLength: 7432 }),
        fc.nat(8),
        fc.nat(8),
        (bytes, operation, pool) => {
          bytes.set([operation, pool]);
          try {
            const request = decodeKvpDeviceRequest(bytes);
            assert.ok(operation <= 5 && (pool <= 4 || operation >= 4), request.kind);
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'ERR_VMBUS_PROTOCOL');
          }
        },
      ),
    );
  });
});

describe('an answer', () => {
  it('has its status over the operation, and an item where the kernel looks for it', () => {
    const enumerate = message([0, [3, 1]], [4, [2]]);
    const reply = encodeKvpDeviceReply(enumerate, { status: 0, entry: { key: 'größe', value: 'XL' } });
    assert.deepEqual([wordAt(reply, 0), wordAt(reply, 4), wordAt(reply, 8)], [0, 2, 1]);
    assert.deepEqual(
      [wordAt(reply, 12), textAt(reply, 20), wordAt(reply, 16), textAt(reply, 532)],
      [8, 'größe', 3, 'XL'],
    );
    const end = encodeKvpDeviceReply(enumerate, { status: 0x8007_0103 });
    assert.equal(wordAt(end, 0), 0x8007_0103);
  });

  it('to a get has the value where the kernel takes it from, 4 bytes after where a set has it', () => {
    const reply = encodeKvpDeviceReply(message([0, [0, 1]], [16, 'key'], [528, 'stale and long']), {
      status: 0,
      entry: { key: 'key', value: 'new' },
    });
    assert.deepEqual([textAt(reply, 16), textAt(reply, 532)], ['key', 'new']);
  });

  it('that does not fit is refused', () => {
    const enumerate = message([0, [3, 1]]);
    const entry = (key: string, value: string) => () =>
      encodeKvpDeviceReply(enumerate, { status: 0, entry: { key, value } });
    assert.throws(entry('k'.repeat(512), ''), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(entry('', 'ü'.repeat(1024)), { code: 'ERR_OUT_OF_RANGE' });
    const request = message([0, [6]]);
    const info = {
      adapterId: 'a',
      family: 'ipv4',
      isDhcp: false,
      subnets: [],
      gateways: [],
      dnsServers: [],
      origins: [],
    } as const;
    for (const addresses of [['10.0.0.1;10.0.0.2'], ['']])
      assert.throws(() => encodeKvpDeviceReply(request, { status: 0, info: { ...info, addresses } }), {
        code: 'ERR_INVALID_ARG_VALUE',
      });
    assert.doesNotThrow(entry('k'.repeat(511), 'v'.repeat(2047)));
  });

  it('is what the kernel reads', () => {
    const text = fc.string({ maxLength: 60 }).filter((one) => !one.includes('\0'));
    fc.assert(
      fc.property(text, text, fc.nat(4), (key, value, pool) => {
        const request = encodeKvpDeviceRequest({ kind: 'enumerate', pool, index: 3 });
        const reply = encodeKvpDeviceReply(request, { status: 0, entry: { key, value } });
        assert.deepEqual(decodeKvpDeviceReply(reply, 'enumerate'), { status: 0, entry: { key, value } });
        const set = encodeKvpDeviceRequest({ kind: 'set', pool, key, value });
        assert.deepEqual(decodeKvpDeviceRequest(set), { kind: 'set', pool, key, value });
      }),
    );
  });
});
