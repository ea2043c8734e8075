// SPDX-License-Identifier: MIT
//
// The small codecs of Ethernet, ARP, IPv4, ICMP, UDP and DHCP: bytes from the documents, checksums, hostile bytes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  formatIpv4,
  formatMac,
  isBroadcastMac,
  isGroupMac,
  macNumber,
  maskOf,
  parseIpv4,
  parseMac,
} from '../../dist/protocol/ethernet/address.js';
import { ArpOperation, decodeArp, encodeArp } from '../../dist/protocol/ethernet/arp.js';
import { checksumOf, sumOf } from '../../dist/protocol/ethernet/checksum.js';
import {
  addressBytes,
  addressOption,
  DhcpOp,
  DhcpOption,
  DhcpType,
  decodeDhcp,
  encodeDhcp,
} from '../../dist/protocol/ethernet/dhcp.js';
import { decodeFrame, encodeFrame, tagOf, withoutTag, withTag } from '../../dist/protocol/ethernet/frame.js';
import { decodeIcmpEcho, encodeIcmpEcho, IcmpType } from '../../dist/protocol/ethernet/icmp.js';
import { decodeIpv4, encodeIpv4, IpProtocol } from '../../dist/protocol/ethernet/ipv4.js';
import { decodeUdp, encodeUdp } from '../../dist/protocol/ethernet/udp.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (array: Uint8Array): string => Buffer.from(array).toString('hex');
const mac = parseMac('00:15:5d:01:02:03');
const peer = parseMac('00-15-5D-FF-FE-FD');
const guest = parseIpv4('10.9.9.2');
const host = parseIpv4('10.9.9.1');

describe('addresses', () => {
  it('are text, bytes and numbers', () => {
    assert.equal(formatMac(Uint8Array.of(9, ...mac), 1), '00:15:5d:01:02:03');
    assert.equal(hex(parseMac('00155DFFFEFD')), hex(peer));
    assert.equal(macNumber(mac), 0x0015_5d01_0203);
    assert.deepEqual([isGroupMac(mac), isGroupMac(bytes('01005e000001')), isBroadcastMac(mac)], [false, true, false]);
    assert.equal(formatIpv4(0xc0a8_00c7), '192.168.0.199');
    assert.equal(parseIpv4('192.168.0.199'), 0xc0a8_00c7);
    assert.deepEqual([0, 1, 24, 32].map(maskOf), [0, 0x8000_0000, 0xffff_ff00, 0xffff_ffff]);
  });

  it('are refused where they are none', () => {
    for (const text of ['', '00:15:5d:01:02', '00:15:5d:01:02:0g', '00:15:5d:01:02:03:04'])
      assert.throws(() => parseMac(text), { code: 'ERR_INVALID_ARG_VALUE' });
    for (const text of ['', '10.9.9', '10.9.9.256', '10.9.9.1.1', '10.9.9.-1'])
      assert.throws(() => parseIpv4(text), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => parseMac(7 as unknown as string), { code: 'ERR_INVALID_ARG_TYPE' });
  });
});

describe('the internet checksum', () => {
  it('is that of the examples', () => {
    assert.equal(checksumOf(sumOf(bytes('0001 f203 f4f5 f6f7'))), 0x220d);
    assert.equal(checksumOf(sumOf(bytes('4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7'))), 0xb861);
    assert.equal(checksumOf(sumOf(bytes('01'))), 0xfeff, 'an odd byte counts as a high one');
    assert.equal(checksumOf(sumOf(new Uint8Array(64_000).fill(0xff))), 0);
  });
});

describe('frames', () => {
  const untagged = encodeFrame({ destination: peer, source: mac, type: 0x0806, payload: bytes('abcdef') });

  it('are addresses, type and payload', () => {
    assert.equal(hex(untagged), '00155dfffefd' + '00155d010203' + '0806' + 'abcdef');
    assert.deepEqual(decodeFrame(untagged), { destination: peer, source: mac, type: 0x0806, payload: bytes('abcdef') });
    assert.equal(decodeFrame(untagged.subarray(0, 13)), null);
  });

  it('get a tag and lose it', () => {
    const tagged = withTag(untagged, 0x6007);
    assert.equal(hex(tagged), '00155dfffefd' + '00155d010203' + '8100' + '6007' + '0806' + 'abcdef');
    assert.deepEqual([tagOf(tagged), tagOf(untagged), tagOf(tagged.subarray(0, 17))], [0x6007, null, null]);
    assert.deepEqual(withoutTag(tagged), untagged);
  });
});

describe('ARP', () => {
  it('is a request and its reply', () => {
    const request = '0001 0800 06 04 0001 00155d010203 0a090902 000000000000 0a090901';
    const packet = {
      operation: ArpOperation.request,
      senderMac: mac,
      senderAddress: guest,
      targetMac: new Uint8Array(6),
      targetAddress: host,
    };
    assert.deepEqual(decodeArp(bytes(request)), packet);
    assert.equal(hex(encodeArp(packet)), request.replaceAll(' ', ''));
    for (const wrong of [request.slice(0, 60), request.replace('0800', '86dd'), request.replace(' 06 ', ' 08 ')])
      assert.equal(decodeArp(bytes(wrong)), null);
  });
});

describe('IPv4, ICMP and UDP', () => {
  it('have the bytes and checksums of a ping', () => {
    const echo = encodeIcmpEcho({
      type: IcmpType.echoRequest,
      identifier: 0x1234,
      sequence: 1,
      data: bytes('61626364'),
    });
    const packet = encodeIpv4({ source: guest, destination: host, protocol: IpProtocol.icmp, payload: echo });
    assert.equal(hex(echo), '0800' + '2104' + '1234' + '0001' + '61626364');
    assert.equal(hex(packet), `4500002000004000400114c90a0909020a090901${hex(echo)}`);

    const decoded = decodeIpv4(Uint8Array.of(...packet, 0, 0, 0));
    assert.deepEqual(decoded?.payload, echo, 'padding of the frame is none of it');
    assert.equal(decodeIcmpEcho(decoded?.payload ?? bytes(''))?.sequence, 1);
  });

  it('are not taken with a wrong checksum, as fragments, or cut short', () => {
    const whole = encodeIpv4({ source: guest, destination: host, protocol: 1, payload: bytes('0800f7ff00000000') });
    assert.ok(decodeIpv4(whole));
    for (let bit = 0; bit < 160; bit += 1) {
      const wrong = whole.slice();
      wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(decodeIpv4(wrong), null, `bit ${bit}`);
    }
    assert.equal(decodeIpv4(whole.subarray(0, 27)), null);
    const fragment = encodeIpv4({ source: guest, destination: host, protocol: 1, payload: new Uint8Array(8) });
    fragment.set([0x20, 0x00], 6);
    fragment.set([0, 0], 10);
    const sum = checksumOf(sumOf(fragment.subarray(0, 20)));
    fragment.set([sum >> 8, sum & 0xff], 10);
    assert.equal(decodeIpv4(fragment), null);
    assert.equal(decodeIcmpEcho(bytes('0800f7fe00000000')), null);
    assert.equal(decodeIcmpEcho(bytes('0300f7ff00000000')), null);
  });

  it('count the addresses in the checksum of UDP, where there is one', () => {
    const addresses = { source: guest, destination: host };
    const datagram = { sourcePort: 4000, destinationPort: 7, data: bytes('68656c6c6f') };
    const encoded = encodeUdp(datagram, addresses);
    assert.equal(hex(encoded.subarray(0, 6)), '0fa0' + '0007' + '000d');
    assert.deepEqual(decodeUdp(encoded, addresses), datagram);
    assert.equal(decodeUdp(encoded, { source: guest, destination: guest }), null);
    assert.deepEqual(decodeUdp(Uint8Array.of(...encoded.subarray(0, 6), 0, 0, ...datagram.data), addresses), datagram);
    assert.equal(decodeUdp(encoded.subarray(0, 12), addresses), null);
    assert.equal(decodeUdp(bytes('0fa0000700070000'), addresses), null);
  });
});

describe('DHCP', () => {
  const discover = {
    op: DhcpOp.request,
    transactionId: 0xdeadbeef,
    wantsBroadcast: true,
    clientAddress: 0,
    yourAddress: 0,
    serverAddress: 0,
    clientMac: mac,
    options: new Map([
      [DhcpOption.messageType, Uint8Array.of(DhcpType.discover)],
      [DhcpOption.requestedAddress, addressBytes(guest)],
    ]) as ReadonlyMap<number, Uint8Array>,
  };

  it('has fields where BOOTP had them, and options behind the cookie', () => {
    const encoded = encodeDhcp(discover);
    assert.equal(encoded.length, 300);
    assert.equal(hex(encoded.subarray(0, 34)), `01010600deadbeef00008000${'00'.repeat(16)}00155d010203`);
    assert.equal(hex(encoded.subarray(236, 251)), '63825363' + '350101' + '32040a090902' + 'ff' + '00');
    assert.deepEqual(decodeDhcp(encoded), discover);
    assert.equal(addressOption(discover.options, DhcpOption.requestedAddress), guest);
    assert.equal(addressOption(discover.options, DhcpOption.messageType), null);
  });

  it('is refused without cookie, on another medium, with an option past the end', () => {
    const encoded = encodeDhcp(discover);
    for (const [place, value] of [
      [236, 0],
      [1, 6],
      [2, 8],
      [244, 255],
    ] as const) {
      const wrong = encoded.slice();
      wrong[place] = value;
      assert.equal(decodeDhcp(wrong), null, `${place}`);
    }
    assert.equal(decodeDhcp(encoded.subarray(0, 239)), null);
  });
});

describe('the decoders', () => {
  it('answer any bytes with a value or null', () => {
    const starts = ['45000020', '0800', '0001080006040001', '00000000', ''].map(bytes);
    const input = fc
      .tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 320 }))
      .map(([start, rest]) => Uint8Array.of(...start, ...rest));
    fc.assert(
      fc.property(input, (some) => {
        for (const decode of [decodeFrame, decodeArp, decodeIpv4, decodeIcmpEcho, decodeDhcp]) decode(some);
        decodeUdp(some, { source: guest, destination: host });
        const dhcp = some.length > 240 ? some.slice() : new Uint8Array(260);
        dhcp.set([1, 1, 6]);
        dhcp.set(bytes('63825363'), 236);
        decodeDhcp(dhcp);
      }),
      { numRuns: 1000 },
    );
  });
});
