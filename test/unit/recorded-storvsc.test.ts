// SPDX-License-Identifier: MIT
//
// What the kernel's hv_storvsc exchanged with our host: coming to terms, and SCSI commands of the kernel's disk driver.
// Fields by hand from struct vstor_packet and struct vmscsi_request of drivers/scsi/storvsc_drv.c, and SPC-4 and SBC-3.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeCdb } from '../../dist/protocol/scsi/cdb.js';
import { encodeCdb } from '../../dist/protocol/scsi/cdb-encode.js';
import {
  decodeProperties,
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
  type SrbReply,
  type StorageProperties,
  type VstorNotice,
  type VstorRequest,
} from '../../dist/protocol/storvsc.js';
import { describeRecorded, readVectors, type WireVector, wireBytes } from './support/wire-vectors.js';

/** An answer and what its body says, which depends on the request. */
interface Answer {
  readonly status: number;
  readonly version?: number;
  readonly properties?: StorageProperties;
  readonly srb?: SrbReply;
}

const completion = 11;

function decodeHost({ kind, type, payload }: WireVector): Answer | VstorNotice {
  if (type !== completion) return decodeVstorNotice(payload);
  const { status, body } = decodeVstorReply(payload);
  if (kind === 'queryVersionReply') return { status, version: decodeVersionReply(body) };
  if (kind === 'queryPropertiesReply') return { status, properties: decodeProperties(body) };
  return kind === 'executeSrbReply' ? { status, srb: decodeSrbReply(body) } : { status };
}

function encodeHost(message: Answer | Exclude<VstorNotice, 'unknown'>, { payload }: WireVector): Uint8Array {
  if (typeof message === 'string') return encodeVstorNotice(message, payload.length);
  const { status, version, properties, srb } = message;
  return encodeVstorReply(status, payload.length, (body) => {
    if (version !== undefined) encodeVersionReply(body, version);
    if (properties) encodeProperties(body, properties);
    if (srb) encodeSrbReply(body, srb);
  });
}

const address = { path: 0, target: 0, lun: 0 };
const [toDevice, fromDevice, noData] = [0, 1, 2];
/** SRB flags: data in 0x40, data out 0x80, no synchronous transfer 0x8, queue action 0x2, queue not frozen 0x100. */
const [tagged, reads, writes] = [0x10a, 0x40, 0x80];
const srb = { ...address, flags: tagged | reads, direction: fromDevice, timeoutSeconds: 60 };
const done = { ...address, srbStatus: 1, scsiStatus: 0, sense: null };

describeRecorded('storvsc', {
  guest: {
    decode: ({ payload }) => decodeVstorRequest(payload),
    encode: (request: VstorRequest, { payload }) => encodeVstorRequest(request, payload.length),
  },
  host: { decode: decodeHost, encode: encodeHost },
  unkept: ({ kind }) =>
    kind === 'executeSrb' ? [{ at: 16, bytes: 1, why: "the kernel's number of the controller; hosts ignore it" }] : [],
  fields: {
    'guest beginInitialization 64 bytes': { kind: 'beginInitialization' },
    'host beginInitializationReply status 0, 64 bytes': { status: 0 },
    'guest queryVersion 602': { kind: 'queryVersion', version: 0x602 },
    'host queryVersionReply status 0, 64 bytes': { status: 0, version: 0x602 },
    'guest queryProperties 64 bytes': { kind: 'queryProperties' },
    'host queryPropertiesReply status 0, 64 bytes': {
      status: 0,
      properties: { maxSubchannels: 0, isMultichannel: false, maxTransferBytes: 0x4_0000 },
    },
    'guest endInitialization 64 bytes': { kind: 'endInitialization' },
    'host endInitializationReply status 0, 64 bytes': { status: 0 },
    'guest createSubchannels 64 bytes': { kind: 'createSubchannels', count: 1 },
    'host createSubchannelsReply status 0, 64 bytes': { status: 0 },
    'host enumerateBus': 'enumerateBus',
    // The first INQUIRY comes before the kernel knows that the unit takes tags.
    'guest executeSrb 12, 64 bytes': {
      kind: 'executeSrb',
      srb: { ...srb, flags: reads | 0x8, cdbLength: 6, cdb: wireBytes('120000002400'), transferBytes: 36 },
    },
    'guest executeSrb 28, 64 bytes': {
      kind: 'executeSrb',
      srb: { ...srb, cdbLength: 10, cdb: wireBytes('28000000000000000800'), transferBytes: 0x1000 },
    },
    'guest executeSrb 2a, 64 bytes': {
      kind: 'executeSrb',
      srb: {
        ...srb,
        flags: tagged | writes,
        direction: toDevice,
        cdbLength: 10,
        cdb: wireBytes('2a000007ff8000008000'),
        transferBytes: 0x1_0000,
      },
    },
    'guest executeSrb 35, 64 bytes': {
      kind: 'executeSrb',
      srb: { ...srb, flags: tagged, direction: noData, cdbLength: 10, cdb: wireBytes('35 00*9'), transferBytes: 0 },
    },
    'guest executeSrb 9e, 64 bytes': {
      kind: 'executeSrb',
      srb: { ...srb, cdbLength: 16, cdb: wireBytes('9e10 00*11 20 0000'), transferBytes: 32 },
    },
    'host executeSrbReply srb 01 scsi 00, 64 bytes': { status: 0, srb: { ...done, transferBytes: 36 } },
    // ILLEGAL REQUEST, INVALID FIELD IN CDB.
    'host executeSrbReply srb 84 scsi 02, 64 bytes': {
      status: 0xc000_0185,
      srb: {
        ...done,
        srbStatus: 4,
        scsiStatus: 2,
        transferBytes: 0,
        sense: wireBytes('70000500 0000000a 00000000 24000000 00000000'),
      },
    },
    'host executeSrbReply srb 20 scsi 02, 64 bytes': {
      status: 0xc000_00c0,
      srb: { ...done, lun: 1, srbStatus: 0x20, scsiStatus: 2, transferBytes: 0 },
    },
  },
});

describe("commands of the kernel's disk driver", () => {
  const commands = readVectors('storvsc')
    .map(({ kind, payload }) => (kind === 'executeSrb' ? decodeVstorRequest(payload) : null))
    .flatMap((request) => (request?.kind === 'executeSrb' ? [request.srb.cdb] : []));
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

  const known: readonly (readonly [string, ReturnType<typeof decodeCdb>])[] = [
    ['000000000000', { kind: 'testUnitReady' }],
    ['120000002400', { kind: 'inquiry', page: null, allocationBytes: 36 }],
    ['120183000400', { kind: 'inquiry', page: 0x83, allocationBytes: 4 }],
    ['1a003f000400', { kind: 'modeSense', form: 6, page: 0x3f, subpage: 0, control: 0, allocationBytes: 4 }],
    ['28000000000000000800', { kind: 'read', form: 10, lba: 0n, blocks: 8, forceUnitAccess: false }],
    ['2a000007ff8000008000', { kind: 'write', form: 10, lba: 0x7ff80n, blocks: 128, forceUnitAccess: false }],
    ['35000000000000000000', { kind: 'synchronizeCache', form: 10, lba: 0n, blocks: 0 }],
    ['42000000000000001800', { kind: 'unmap', parameterBytes: 24 }],
    ['5a080a05000000020000', { kind: 'modeSense', form: 10, page: 0xa, subpage: 5, control: 0, allocationBytes: 512 }],
    ['9e100000000000000000000000200000', { kind: 'readCapacity', form: 16, allocationBytes: 32 }],
    ['a00000000000000010000000', { kind: 'reportLuns', select: 0, allocationBytes: 4096 }],
  ];
  for (const [cdb, command] of known) {
    it(`are read: ${cdb} is ${command.kind}`, () => {
      assert.ok(commands.map(hex).includes(cdb), `not among ${commands.map(hex).join(', ')}`);
      assert.deepEqual(decodeCdb(Buffer.from(cdb, 'hex')), command);
    });
  }

  it('are all known, and are written as they came', () => {
    for (const cdb of commands) {
      const command = decodeCdb(cdb);
      assert.ok(command.kind !== 'problem', hex(cdb));
      const expected = Buffer.from(cdb);
      // Whether block descriptors are wanted as well is not kept: a disk of ours has none.
      if (command.kind === 'modeSense') expected.writeUInt8(0, 1);
      assert.equal(hex(encodeCdb(command)), hex(expected));
    }
  });
});
