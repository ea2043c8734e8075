// SPDX-License-Identifier: MIT
//
// Bodies of the key-value service: offsets as hosts and Linux have them, IP information in both layouts, hostile sizes, any
// bytes at all.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeIcMessage, IcType, icVersion } from '../../dist/protocol/ic.js';
import { ipv6Bytes, ipv6Text } from '../../dist/protocol/ip-text.js';
import {
  decodeKvpIpReply,
  decodeKvpItemReply,
  decodeKvpRequest,
  encodeKvpIpReply,
  encodeKvpItemReply,
  encodeKvpRequest,
  type KvpRequest,
} from '../../dist/protocol/kvp.js';
import type { KvpIpInfo } from '../../dist/protocol/kvp-ip-info.js';
import { type KvpItem, kvpItem } from '../../dist/protocol/kvp-value.js';
import { decodedOrRefused, hex, unhex } from './ic-bytes.js';

const text = icVersion(4, 0);
const binary = icVersion(5, 0);
const utf16 = (plain: string): string => Buffer.from(plain, 'utf16le').toString('hex');
/** Digits, filled with zeros to so many bytes. */
const filled = (digits: string, bytes: number): string => digits.replaceAll(' ', '').padEnd(bytes * 2, '0');
const item = kvpItem('FullyQualifiedDomainName', 'guest.example');
const enumerate = `03 02 0000 00000000 ${'00'.repeat(2572)}`;

describe('a key-value request', () => {
  it('to enumerate has the bytes of a host', () => {
    const body = encodeKvpRequest({ kind: 'enumerate', pool: 2, index: 0 }, text);
    const payload = encodeIcMessage({ framework: icVersion(3, 0), type: IcType.kvp, version: text, body });

    const header = '01000000 280a0000 03000000 0200 04000000 140a 00000000 00 03 0000';
    assert.equal(hex(payload), hex(unhex(`${header} ${enumerate}`)));
    assert.deepEqual(decodeKvpRequest(body, text), { kind: 'enumerate', pool: 2, index: 0 });
  });

  const requests: readonly (readonly [string, KvpRequest, string])[] = [
    [
      'set a text',
      { kind: 'set', pool: 0, item: kvpItem('ä', 'x') },
      `01 00 0000 01000000 04000000 04000000 ${filled(utf16('ä'), 512)} ${utf16('x')}`,
    ],
    [
      'set a number',
      { kind: 'set', pool: 1, item: kvpItem('k', 5) },
      `01 01 0000 04000000 04000000 04000000 ${filled(utf16('k'), 512)} 05000000`,
    ],
    [
      'set a number of 64 bits',
      { kind: 'set', pool: 0, item: kvpItem('k', 5n) },
      `01 00 0000 0b000000 04000000 08000000 ${filled(utf16('k'), 512)} 0500000000000000`,
    ],
    ['get', { kind: 'get', pool: 0, key: 'k' }, `00 00 0000 00000000 04000000 00000000 ${utf16('k')}`],
    ['delete', { kind: 'delete', pool: 0, key: 'key' }, `02 00 0000 08000000 ${utf16('key')}`],
    ['enumerate', { kind: 'enumerate', pool: 1, index: 258 }, '03 01 0000 02010000'],
  ];
  for (const [what, request, digits] of requests) {
    it(`to ${what} has its fields where Linux looks for them`, () => {
      const body = encodeKvpRequest(request, text);

      assert.equal(hex(body), filled(digits, 2580));
      assert.deepEqual(decodeKvpRequest(body, text), request);
    });
  }

  it('refuses keys and values that do not fit, or that a NUL would cut', () => {
    const set = (key: string, value: string | number | bigint): Uint8Array =>
      encodeKvpRequest({ kind: 'set', pool: 0, item: kvpItem(key, value) }, text);

    assert.equal(set('k'.repeat(255), 'v'.repeat(1023)).length, 2580);
    assert.throws(() => set('k'.repeat(256), ''), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => set('k', 'v'.repeat(1024)), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => set('a\0b', ''), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => set('k', 0.5), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => set('k', 2n ** 64n), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => set('k', true as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => encodeKvpRequest({ kind: 'enumerate', pool: 5, index: 0 }, text), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => encodeKvpRequest({ kind: 'get', pool: 0, key: 5 as never }, text), {
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });

  const value = (type: string, key: string, size: string): string => filled(`01 00 0000 ${type} ${key} ${size}`, 2580);
  for (const [what, digits] of [
    ['nothing', ''],
    ['pool 5', filled('03 05', 2580)],
    ['operation 6', filled('06 00', 7428)],
    ['a set that is one byte short', value('01000000', '02000000', '02000000').slice(0, 2575 * 2)],
    ['an enumeration without room for its answer', enumerate.replaceAll(' ', '').slice(0, 2579 * 2)],
    ['a key longer than its field', value('01000000', '02020000', '02000000')],
    ['a key of 2^32 - 2 bytes', value('01000000', 'feffffff', '02000000')],
    ['a key of odd size', value('01000000', '03000000', '02000000')],
    ['a text longer than its field', value('01000000', '02000000', '02080000')],
    ['a text of odd size', value('01000000', '02000000', '05000000')],
    ['a number of 2 bytes', value('04000000', '02000000', '02000000')],
    ['a number of 64 bits in 4 bytes', value('0b000000', '02000000', '04000000')],
    ['a value of no type', value('00000000', '02000000', '02000000')],
    ['a key to delete longer than its field', filled('02 00 0000 02020000', 2580)],
    ['IP information that is a byte short', filled('04 00', 7427)],
  ] as const) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => decodeKvpRequest(unhex(digits), text), { code: 'ERR_VMBUS_PROTOCOL' });
    });
  }

  it('reads no more than the size says, and all of a text that does not end', () => {
    const long = filled(`01 00 0000 01000000 04000000 04000000 ${filled(utf16('key'), 512)} ${utf16('value')}`, 2580);

    assert.deepEqual(decodeKvpRequest(unhex(long), text), { kind: 'set', pool: 0, item: kvpItem('ke', 'va') });
  });
});

describe('the answer to a key-value request', () => {
  it('has, for an enumeration, the sizes that Linux writes', () => {
    const body = encodeKvpItemReply(unhex(enumerate), item);

    const key = filled(utf16('FullyQualifiedDomainName'), 512);
    const golden = `03 02 0000 00000000 01000000 32000000 1c000000 ${key} ${utf16('guest.example')}`;
    assert.equal(hex(body), filled(golden, 2580));
    assert.deepEqual(decodeKvpItemReply(body), item);
  });

  it('has, for a get, its value four bytes earlier', () => {
    const request = encodeKvpRequest({ kind: 'get', pool: 0, key: 'k' }, text);

    const body = encodeKvpItemReply(request, kvpItem('k', 'v'));

    assert.equal(hex(body).slice(8, 32), '010000000400000004000000');
    assert.deepEqual(decodeKvpItemReply(body), kvpItem('k', 'v'));
  });

  it('has no value where none was asked for', () => {
    const request = encodeKvpRequest({ kind: 'delete', pool: 0, key: 'k' }, text);

    assert.throws(() => encodeKvpItemReply(request, item), { code: 'ERR_VMBUS_PROTOCOL' });
    assert.throws(() => decodeKvpItemReply(request), { code: 'ERR_VMBUS_PROTOCOL' });
  });

  it('comes back as it was, whatever the item', () => {
    const plain = (maxLength: number): fc.Arbitrary<string> =>
      fc.string({ unit: 'binary', maxLength }).map((any) => any.replaceAll('\0', ''));
    const value = fc.oneof(plain(60), fc.nat(0xffff_ffff), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
    fc.assert(
      fc.property(plain(120), value, fc.constantFrom(0, 3), (key, any, operation) => {
        const request = unhex(filled(`0${operation}`, 2580));
        const sent: KvpItem = kvpItem(key, any);
        assert.deepEqual(decodeKvpItemReply(encodeKvpItemReply(request, sent)), sent);
      }),
    );
  });
});

const info: KvpIpInfo = {
  adapterId: '{f8615163-0000-1000-2000-00155d000001}',
  family: 'both',
  isDhcp: true,
  addresses: ['192.0.2.7', '2001:db8::7'],
  subnets: ['255.255.255.0', '/64'],
  gateways: ['192.0.2.1', 'fe80::1'],
  dnsServers: ['192.0.2.53'],
  origins: [],
};

describe('IP information', () => {
  it('is, until 4.0, lists of text behind a header of two bytes', () => {
    const body = encodeKvpRequest({ kind: 'setIpInfo', info }, text);

    const list = (entries: readonly string[], bytes: number): string => filled(utf16(entries.join(';')), bytes);
    const golden = [
      '0500',
      filled(utf16(info.adapterId), 256),
      '0301',
      list(info.addresses, 2048),
      list(info.subnets, 2048),
      list(info.gateways, 1024),
      list(info.dnsServers, 2048),
    ];
    assert.equal(hex(body), golden.join(''));
    assert.deepEqual(decodeKvpRequest(body, text), { kind: 'setIpInfo', info });
  });

  it('is, from 5.0 on, counted tables of bytes', () => {
    const sent: KvpIpInfo = { ...info, origins: ['static', 'other'] };
    const body = encodeKvpRequest({ kind: 'setIpInfo', info: sent }, binary);

    const at = (offset: number, bytes: number): string => hex(body.subarray(4 + offset, 4 + offset + bytes));
    assert.equal(body.length, 7428);
    assert.equal(at(0, 24), `${'01000000'.repeat(5)}00000000`);
    assert.equal(at(24, 256), filled(utf16(info.adapterId), 256));
    assert.equal(at(280, 2), '0301');
    assert.equal(at(284, 8), 'c000020700000000');
    assert.equal(at(540, 17), `20010db8${'00'.repeat(11)}0700`);
    assert.equal(at(1564, 8), 'ffffff0000000000');
    assert.equal(at(1820, 8), '4000000000000000');
    assert.equal(at(2076, 8), 'c000020100000000');
    assert.equal(at(2096, 17), `fe80${'00'.repeat(13)}0100`);
    assert.equal(at(2176, 8), 'c000023500000000');
    assert.equal(at(3456, 6), '020001000000');
    assert.deepEqual(decodeKvpRequest(body, binary), { kind: 'setIpInfo', info: sent });
  });

  it('of 5.0 has IPv4 first, whatever the order it was given in', () => {
    const mixed: KvpIpInfo = {
      ...info,
      addresses: ['::1', '192.0.2.7'],
      subnets: ['128', '255.0.0.0'],
      origins: ['other', 'static'],
    };
    const body = encodeKvpRequest({ kind: 'setIpInfo', info: mixed }, binary);

    const { addresses, subnets, origins } = decodeKvpIpReply(body, binary);
    assert.deepEqual(
      [addresses, subnets, origins],
      [
        ['192.0.2.7', '::1'],
        ['255.0.0.0', '/128'],
        ['static', 'other'],
      ],
    );
  });

  it('asked for names the adapter and the family, and is answered in place', () => {
    for (const version of [text, binary]) {
      const asked = { kind: 'getIpInfo', adapterId: '00:15:5D:00:00:01', family: 'ipv4' } as const;
      const body = encodeKvpRequest(asked, version);

      const reply = encodeKvpIpReply(body, info, version);

      assert.deepEqual(decodeKvpRequest(body, version), asked);
      const origins = version === binary ? ['unknown', 'unknown'] : [];
      assert.deepEqual([reply.length, decodeKvpIpReply(reply, version)], [7428, { ...info, origins }]);
    }
    assert.throws(() => encodeKvpIpReply(new Uint8Array(7427), info, text), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('is refused where a list does not fit, does not match, or is none', () => {
    const set = (part: Partial<KvpIpInfo>, version: number): Uint8Array =>
      encodeKvpRequest({ kind: 'setIpInfo', info: { ...info, ...part } }, version);
    const six = new Array<string>(6).fill('192.0.2.1');

    assert.throws(() => set({ gateways: six }, binary), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => set({ subnets: [] }, binary), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => set({ subnets: ['255.0.0.0', '/129'] }, binary), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => set({ addresses: ['host', '::1'] }, binary), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => set({ origins: ['static'] }, binary), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => set({ dnsServers: ['a;b'] }, text), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => set({ gateways: six.map((one) => one.repeat(10)) }, text), { code: 'ERR_OUT_OF_RANGE' });
    for (const version of [text, binary]) {
      assert.throws(() => set({ family: 'ipx' as never }, version), { code: 'ERR_INVALID_ARG_VALUE' });
      assert.throws(() => set({ gateways: '192.0.2.1' as never }, version), { code: 'ERR_INVALID_ARG_TYPE' });
    }
  });

  for (const [what, offset, word] of [
    ['65 IPv4 addresses', 0, 65],
    ['2^32 - 1 IPv6 addresses', 4, 0xffff_ffff],
    ['6 IPv4 gateways', 8, 6],
    ['6 IPv6 gateways', 12, 6],
    ['65 IPv4 DNS servers', 16, 65],
    ['65 IPv6 DNS servers', 20, 65],
    ['a prefix of 129 bits', 1820, 129],
    ['a family nobody knows', 280, 4],
  ] as const) {
    it(`of 5.0 is refused with ${what}`, () => {
      const body = encodeKvpRequest({ kind: 'setIpInfo', info }, binary);

      new DataView(body.buffer).setUint32(4 + offset, word, true);

      assert.throws(() => decodeKvpIpReply(body, binary), { code: 'ERR_VMBUS_PROTOCOL' });
    });
  }

  it('writes IPv6 as people do, and reads every way of writing it', () => {
    for (const [given, written] of [
      ['::', '::'],
      ['::1', '::1'],
      ['1::', '1::'],
      ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['1:0:3:4:5:6:7:8', '1:0:3:4:5:6:7:8'],
      ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ] as const) {
      assert.equal(ipv6Text(ipv6Bytes(given, 'address')), written);
    }
    assert.throws(() => ipv6Bytes('fe80::1%eth0', 'address'), { code: 'ERR_INVALID_ARG_VALUE' });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        assert.deepEqual(ipv6Bytes(ipv6Text(bytes), 'address'), bytes);
      }),
    );
  });
});

describe('any bytes', () => {
  it('are a key-value message, or refused with ERR_VMBUS_PROTOCOL, nothing else', () => {
    const noise = fc.uint8Array({ maxLength: 64 });
    const sizes = fc.constantFrom(0, 3, 4, 520, 2575, 2576, 2580, 3715, 3716, 7427, 7428);
    const head = fc.tuple(fc.nat(7), fc.nat(6));
    fc.assert(
      fc.property(noise, sizes, head, (bytes, size, start) => {
        const body = new Uint8Array(size);
        body.set(bytes.subarray(0, size));
        body.set(start.slice(0, size));
        for (const version of [text, binary]) {
          decodedOrRefused('kvp', () => decodeKvpRequest(body, version));
          decodedOrRefused('kvp', () => decodeKvpIpReply(body, version));
        }
        decodedOrRefused('kvp', () => decodeKvpItemReply(body));
      }),
      { numRuns: 500 },
    );
  });
});
