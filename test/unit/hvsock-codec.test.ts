// SPDX-License-Identifier: MIT
//
// Ports, GUIDs, offers and packets of Hyper-V sockets, byte by byte.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { guidToBytes, parseGuid } from '../../dist/guid.js';
import {
  decodeSocketPacket,
  encodeSocketPacket,
  isFromHost,
  portInGuid,
  portOfService,
  serviceOfPort,
  socketOfferFlags,
  socketUserData,
} from '../../dist/protocol/hvsock.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/[ |]/g, ''), 'hex'));
const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex');
const refused = { code: 'ERR_VMBUS_PROTOCOL' };

describe('a vsock port', () => {
  it('is the first field of the GUID of its service', () => {
    const service = serviceOfPort(50_001);

    assert.equal(service, '0000c351-facb-11e6-bd58-64006a7986d3');
    assert.equal(hex(guidToBytes(service)), '51c30000cbfae611bd5864006a7986d3');
    assert.equal(portOfService(service), 50_001);
    assert.equal(portOfService(serviceOfPort(0xffff_ffff)), 0xffff_ffff);
  });

  it('is not in a GUID of another kind, though any endpoint shows one', () => {
    const other = parseGuid('0000c351-facb-11e6-bd58-64006a7986d4');

    assert.equal(portOfService(other), null);
    assert.equal(portInGuid(other), 50_001);
    for (const port of [-1, 2 ** 32, 1.5])
      assert.throws(() => serviceOfPort(port), { code: 'ERR_OUT_OF_RANGE' }, String(port));
  });
});

describe('the offer of a socket', () => {
  it('has the documented flags and user data', () => {
    assert.equal(socketOfferFlags, 0x2011);
    assert.equal(
      hex(socketUserData({ isFromHost: false })),
      `00000000 00 00 01000000 ${'00'.repeat(16)}`.replaceAll(' ', ''),
    );
    assert.equal(hex(socketUserData({ isFromHost: true })).slice(8, 10), '01');
    assert.deepEqual(
      [isFromHost(socketUserData({ isFromHost: true })), isFromHost(new Uint8Array(120))],
      [true, false],
    );
    assert.throws(() => isFromHost(new Uint8Array(4)), refused);
  });
});

describe('a packet of a socket', () => {
  it('has the documented bytes, and none for the end', () => {
    assert.equal(hex(encodeSocketPacket(Buffer.from('hello'))), `0100000005000000${hex(Buffer.from('hello'))}`);
    assert.equal(hex(encodeSocketPacket(new Uint8Array())), '0100000000000000');
    assert.equal(String(Buffer.from(decodeSocketPacket(bytes('01000000 05000000 | 68656c6c6f 000000')))), 'hello');
    assert.equal(decodeSocketPacket(bytes('01000000 00000000')).length, 0);
  });

  it('is refused when its type or lengths are wrong', () => {
    for (const text of [
      '',
      '01000000 0000',
      '02000000 00000000',
      '04000000 00000000',
      '01000000 09000000 | 68656c6c6f000000',
    ])
      assert.throws(() => decodeSocketPacket(bytes(text)), refused, text);
    const long = new Uint8Array(8 + 16_392);
    long.set(bytes('01000000 01400000'));
    assert.throws(() => decodeSocketPacket(long), refused);
    assert.throws(() => encodeSocketPacket(new Uint8Array(16_385)), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('comes back as it went, and any bytes are a packet or a violation', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (sent, noise) => {
        assert.deepEqual(Uint8Array.from(decodeSocketPacket(encodeSocketPacket(sent))), sent);
        for (const payload of [noise, Uint8Array.of(1, 0, 0, 0, ...noise)]) {
          try {
            decodeSocketPacket(payload);
          } catch (error) {
            assert.equal((error as { code?: unknown }).code, 'ERR_VMBUS_PROTOCOL');
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});
