// SPDX-License-Identifier: MIT
//
// What the kernel's hv_netvsc exchanged with our host inside of NVSP: RNDIS. Fields by hand from include/linux/rndis.h and
// struct rndis_* and ndis_* of drivers/net/hyperv/hyperv_net.h of Linux.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import {
  decodeNdisObject,
  decodeRndisControl,
  decodeRndisPacket,
  decodeScalingCapabilities,
  decodeScalingParameters,
  encodeRndisControl,
  encodeRndisPacket,
  encodeScalingCapabilities,
  encodeScalingParameters,
  type RndisControlMessage,
  type RndisPacket,
} from '../../dist/protocol/rndis.js';
import { describeRecorded, readVectors, type WireVector, wireBytes } from './support/wire-vectors.js';

interface Packet extends RndisPacket {
  readonly kind: 'packet';
}

function decode({ kind, payload }: WireVector): RndisControlMessage | Packet {
  return kind === 'packet' ? { kind: 'packet', ...decodeRndisPacket(payload) } : decodeRndisControl(payload);
}

function encode(message: RndisControlMessage | Packet): Uint8Array {
  if (message.kind !== 'packet') return encodeRndisControl(message);
  const elements = message.info.map(({ type, value }) => ({ type, value: Buffer.from(value).readUInt32LE(0) }));
  return encodeRndisPacket(message.frame, elements);
}

const none = new Uint8Array(0);
const arp = 'ffffffffffff 00155d000001 0806 0001 0800 06 04 0001 00155d000001 0a09090b 000000000000 0a090901';
const acknowledgement =
  '00155d000002 00155d000001 0800 450000348304400040069197 0a09090b 0a09090c ' +
  'a1281b58f29b2e0e536cf114801003ec91be0000 0101080ae77f9cd75c0db8d9';
const [query, set] = ['query', 'set'].map((kind) => ({ kind }));
const answered = { kind: 'queryComplete', status: 0 };

describeRecorded('rndis', {
  guest: { decode, encode },
  host: { decode, encode },
  unkept: ({ name }) =>
    name === 'guest packet'
      ? [{ at: 28, bytes: 4, why: 'the place of an empty list; the kernel always names one' }]
      : [],
  fields: {
    'guest initialize': { kind: 'initialize', requestId: 1, major: 1, minor: 0, maxTransferBytes: 0x4000 },
    'host initializeComplete': {
      kind: 'initializeComplete',
      requestId: 1,
      status: 0,
      major: 1,
      minor: 0,
      deviceFlags: 1,
      medium: 0,
      maxPackets: 8,
      maxTransferBytes: 0x4000,
      alignmentFactor: 3,
    },
    'guest halt': { kind: 'halt', requestId: 15 },
    'guest query oid 10106': { ...query, requestId: 2, oid: 0x0001_0106, info: none },
    'host queryComplete oid 10106 status 0': { ...answered, requestId: 2, info: wireBytes('dc050000') },
    'guest query oid 1010101': { ...query, requestId: 3, oid: 0x0101_0101, info: none },
    'host queryComplete oid 1010101 status 0': { ...answered, requestId: 3, info: wireBytes('00155d000001') },
    'guest query oid fc01020d': { ...query, requestId: 5, oid: 0xfc01_020d, info: wireBytes('a7039c00 00*152') },
    'host queryComplete oid fc01020d status 0': { ...answered, requestId: 5, info: wireBytes('a7039c00 00*152') },
    'guest query oid 10203': { ...query, requestId: 9, oid: 0x0001_0203, info: wireBytes('88021200 00*14') },
    'host queryComplete oid 10203 status 0': {
      ...answered,
      requestId: 9,
      info: wireBytes('88021200 01030000 02000000 02000000 8000'),
    },
    // Directed, all multicast and broadcast.
    'guest set oid 1010e': { ...set, requestId: 12, oid: 0x0001_010e, info: wireBytes('0d000000') },
    'host setComplete oid 1010e status 0': { kind: 'setComplete', requestId: 12, status: 0 },
    'guest set oid fc01020c': { ...set, requestId: 6, oid: 0xfc01_020c, info: wireBytes('80031c00 01 00*23') },
    'host indicateStatus status 4001000b': { kind: 'indicateStatus', status: 0x4001_000b, buffer: none },
    'host indicateStatus status 4001000c': { kind: 'indicateStatus', status: 0x4001_000c, buffer: none },
    'guest packet': { kind: 'packet', frame: wireBytes(arp), info: [] },
    'host packet': { kind: 'packet', frame: wireBytes(arp), info: [] },
    // The hash of the flow, which the kernel sends along once a card takes hashes.
    'guest packet element 8': {
      kind: 'packet',
      frame: wireBytes(acknowledgement),
      info: [{ type: 8, isInternal: false, value: wireBytes('b4f29e49') }],
    },
  },
});

describe('what requests of hv_netvsc are about', () => {
  /** The objects that a message of a name has had. */
  function infosOf(name: string): Uint8Array[] {
    return readVectors('rndis').flatMap((vector) => {
      const message = vector.name === name ? decodeRndisControl(vector.payload) : null;
      return message && 'info' in message ? [message.info] : [];
    });
  }

  /** Some object of that name says this, and each is written as it was read. */
  function assertObject<T>(
    name: string,
    expected: T,
    decode: (info: Uint8Array) => T,
    encode: (object: T) => Uint8Array,
  ) {
    const infos = infosOf(name);
    assert.ok(
      infos.some((info) => isDeepStrictEqual(decode(info), expected)),
      name,
    );
    for (const info of infos) assert.deepEqual(Buffer.from(encode(decode(info))), Buffer.from(info));
  }

  it('is the structure that describes offloads, in revision 3', () => {
    const object = { type: 0xa7, revision: 3, sizeBytes: 156 };
    assert.deepEqual(infosOf('guest query oid fc01020d').map(decodeNdisObject)[0], object);
  });

  it('is what scaling a card can do', () => {
    const capabilities = { flags: 0x301, interrupts: 2, receiveQueues: 2, tableEntries: 128 };
    const name = 'host queryComplete oid 10203 status 0';
    assertObject(name, capabilities, decodeScalingCapabilities, encodeScalingCapabilities);
  });

  for (const [name, isDisabled] of [
    ['guest set oid 10204 disable', true],
    ['guest set oid 10204', false],
  ] as const)
    it(`is a table of two channels and the usual key, ${isDisabled ? 'switched off first' : 'then on'}`, () => {
      const parameters = {
        isDisabled,
        hashInfo: 0x1701, // Toeplitz over IPv4, IPv6 and TCP on both
        table: Array.from({ length: 128 }, (_, i) => i % 2),
        key: wireBytes('6d5a56da255b0ec24167253d43a38fb0 d0ca2bcbae7b30b477cb2da38030f20c 6a42b73bbeac01fa'),
      };
      assertObject(name, parameters, decodeScalingParameters, encodeScalingParameters);
    });
});
