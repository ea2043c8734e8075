// SPDX-License-Identifier: MIT
//
// What the kernel's hv_utils and its daemons exchanged with our host: negotiations and the bodies of each service.
// Fields by hand from struct icmsg_hdr, icmsg_negotiate, heartbeat_msg_data, shutdown_msg_data, ictimesync_data,
// hv_kvp_msg and hv_vss_msg of Linux.

import assert from 'node:assert/strict';
import { decodeFcopy, encodeFcopy } from '../../dist/protocol/fcopy.js';
import { decodeHeartbeat, encodeHeartbeat } from '../../dist/protocol/heartbeat.js';
import { decodeIcMessage, encodeIcMessage, encodeIcReply } from '../../dist/protocol/ic.js';
import {
  decodeNegotiation,
  decodeNegotiationReply,
  encodeNegotiation,
  encodeNegotiationReply,
  type IcChoice,
  type IcVersions,
} from '../../dist/protocol/ic-negotiation.js';
import { decodeShutdown, encodeShutdown } from '../../dist/protocol/shutdown.js';
import { decodeTimesync, encodeTimesync } from '../../dist/protocol/timesync.js';
import { decodeVss, encodeVss } from '../../dist/protocol/vss.js';
import { describeRecorded, type RecordedCodec, readVectors, type WireVector } from './support/wire-vectors.js';

/** A message whose body is decoded as well. */
interface Message<Body> {
  readonly framework: number;
  readonly type: number;
  readonly version: number;
  readonly status: number;
  readonly transactionId: number;
  readonly flags: number;
  readonly body: Body;
}

/** The codec of a service's bodies within the frame that all share. */
function inFrame<Body>(
  decode: (body: Uint8Array, version: number) => Body,
  encode: (body: Body, version: number) => Uint8Array,
): { guest: RecordedCodec; host: RecordedCodec } {
  const codec = {
    decode({ payload }: WireVector): Message<Body> {
      const message = decodeIcMessage(payload);
      return { ...message, body: decode(message.body, message.version) };
    },
    encode: (message: Message<Body>) => encodeIcMessage({ ...message, body: encode(message.body, message.version) }),
  };
  return { guest: codec, host: codec };
}

/** Flags of requests are transaction and request; those of answers are transaction and response. */
const [asks, answers] = [3, 5];
const frame = { framework: 0x3_0000, status: 0, transactionId: 0 };
const negotiation = { framework: 0, type: 0, version: 0, status: 0, transactionId: 0 };

const offers = inFrame<IcVersions>(decodeNegotiation, encodeNegotiation);
describeRecorded('ic-negotiation', {
  host: offers.host,
  guest: {
    decode({ payload }) {
      const message = decodeIcMessage(payload);
      return { ...message, body: decodeNegotiationReply(message.body) };
    },
    // An answer is written over its request, and says nothing of what it left there.
    encode({ status, body }: Message<IcChoice | null>, { name }) {
      const request = readVectors('ic-negotiation').find(
        (other) => other.name === name.replace('guest answer', 'host request'),
      );
      assert.ok(request);
      const reply = encodeNegotiationReply(decodeIcMessage(request.payload).body, body);
      return encodeIcReply(request.payload, { status, body: reply, bodyBytes: 16 });
    },
  },
  fields: {
    'host request heartbeat': {
      ...negotiation,
      flags: asks,
      body: { frameworks: [0x1_0000, 0x3_0000], messages: [0x1_0000, 0x3_0000] },
    },
    'guest answer heartbeat': { ...negotiation, flags: answers, body: { framework: 0x3_0000, message: 0x3_0000 } },
    'host request shutdown': {
      ...negotiation,
      flags: asks,
      body: { frameworks: [0x1_0000, 0x3_0000], messages: [0x1_0000, 0x3_0000, 0x3_0001, 0x3_0002] },
    },
    'guest answer shutdown': { ...negotiation, flags: answers, body: { framework: 0x3_0000, message: 0x3_0002 } },
    'guest answer kvp': { ...negotiation, flags: answers, body: { framework: 0x3_0000, message: 0x4_0000 } },
    'guest answer vss': { ...negotiation, flags: answers, body: { framework: 0x3_0000, message: 0x5_0000 } },
  },
});

describeRecorded('heartbeat', {
  ...inFrame(decodeHeartbeat, encodeHeartbeat),
  fields: {
    'host request 3.0': {
      ...frame,
      type: 1,
      version: 0x3_0000,
      flags: asks,
      body: { sequence: 0n, applicationState: 0 },
    },
    'guest answer 3.0': {
      ...frame,
      type: 1,
      version: 0x3_0000,
      flags: answers,
      body: { sequence: 1n, applicationState: 0 },
    },
  },
});

const powerOff = { reason: 0x8000_0000, timeoutSeconds: 0, flags: 0, text: '' };
describeRecorded('shutdown', {
  ...inFrame(decodeShutdown, encodeShutdown),
  fields: {
    'host request 3.2 flags 0': { ...frame, type: 3, version: 0x3_0002, flags: asks, body: powerOff },
    'guest answer 3.2 flags 0': { ...frame, type: 3, version: 0x3_0002, flags: answers, body: powerOff },
    'host request 3.2 flags 2': { ...frame, type: 3, version: 0x3_0002, flags: asks, body: { ...powerOff, flags: 2 } },
  },
});

// 2026-11-21T21:40:13.412Z in units of 100 ns since 1601.
const bootTime = { hostTime: 0x1dd_7a00_e3f5_fa40n, referenceTime: null, flags: 1, leap: 0, stratum: 0 };
describeRecorded('timesync', {
  ...inFrame(decodeTimesync, encodeTimesync),
  fields: {
    'host request 3.0 flags 1': { ...frame, type: 4, version: 0x3_0000, flags: asks, body: bootTime },
    'guest answer 3.0 flags 1': { ...frame, type: 4, version: 0x3_0000, flags: answers, body: bootTime },
  },
});

const [freeze, thaw] = [5, 6].map((operation) => ({ operation, flags: 0, details: null }));
describeRecorded('vss', {
  ...inFrame(decodeVss, encodeVss),
  fields: {
    'host request 5.0 freeze': { ...frame, type: 5, version: 0x5_0000, flags: asks, body: freeze },
    'guest answer 5.0 freeze': { ...frame, type: 5, version: 0x5_0000, flags: answers, body: freeze },
    'guest answer 5.0 thaw': { ...frame, type: 5, version: 0x5_0000, flags: answers, body: thaw },
  },
});

const start = { kind: 'start', name: 'file', path: '/var/tmp/a/b', flags: 2, sizeBytes: 0x10_0005n };
const once = { ...start, name: 'once', path: '/var/tmp', sizeBytes: 6n };
const write = { kind: 'write', offset: 0n, data: Uint8Array.from(Buffer.from('first\n')) };
const fcopyAnswer = { ...frame, type: 7, version: 0x1_0001, flags: answers };
describeRecorded('fcopy', {
  ...inFrame(decodeFcopy, encodeFcopy),
  fields: {
    'host request 1.1 operation 0': { ...fcopyAnswer, flags: asks, body: start },
    'guest answer 1.1 operation 0': { ...fcopyAnswer, body: { ...once, flags: 0 } },
    'guest answer 1.1 operation 0 status 80004005': { ...fcopyAnswer, status: 0x8000_4005, body: start },
    // The file is there already.
    'guest answer 1.1 operation 0 status 80070050': {
      ...fcopyAnswer,
      status: 0x8007_0050,
      body: { ...once, flags: 0, sizeBytes: 7n },
    },
    'guest answer 1.1 operation 1': { ...fcopyAnswer, body: write },
    'guest answer 1.1 operation 2': { ...fcopyAnswer, body: { kind: 'complete' } },
    'guest answer 1.1 operation 3 status 80004005': { ...fcopyAnswer, status: 0x8000_4005, body: { kind: 'cancel' } },
  },
});
