// SPDX-License-Identifier: MIT
//
// What the kernel's hv_utils with the distribution's hv_kvp_daemon exchanged with our host. Fields by hand from struct
// hv_kvp_msg of Linux: operation and pool at 28, then sizes that count the NUL, key in 512 bytes, value in 2048.

import { decodeIcMessage, encodeIcMessage } from '../../dist/protocol/ic.js';
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
import type { KvpItem } from '../../dist/protocol/kvp-value.js';
import { describeRecorded, type Unkept, type WireVector } from './support/wire-vectors.js';

interface Message {
  readonly version: number;
  readonly status: number;
  readonly flags: number;
  readonly request: KvpRequest;
  /** What an answer has beyond its request. */
  readonly found?: KvpItem | KvpIpInfo;
}

const frame = { framework: 0x3_0000, type: 2 };

function decode({ payload }: WireVector): Message {
  const { version, status, flags, body } = decodeIcMessage(payload);
  const request = decodeKvpRequest(body, version);
  const message = { version, status, flags, request };
  if (flags !== answers || status !== 0) return message;
  if (request.kind === 'get' || request.kind === 'enumerate') return { ...message, found: decodeKvpItemReply(body) };
  return request.kind === 'getIpInfo' ? { ...message, found: decodeKvpIpReply(body, version) } : message;
}

function encode({ request, found, ...message }: Message): Uint8Array {
  const asked = encodeKvpRequest(request, message.version);
  return encodeIcMessage({ ...frame, ...message, body: found ? answer(asked, found, message.version) : asked });
}

function answer(asked: Uint8Array, found: KvpItem | KvpIpInfo, version: number): Uint8Array {
  return 'key' in found ? encodeKvpItemReply(asked, found) : encodeKvpIpReply(asked, found, version);
}

const [asks, answers] = [3, 5];
const listOffsets = [288, 2336, 4384, 5408];

/** The daemon ends some of its lists with a semicolon as well. */
function lastSemicolons({ payload, name }: WireVector): Unkept[] {
  if (!name.startsWith('guest answer 4.0 getIpInfo')) return [];
  return listOffsets.flatMap((offset) => {
    const text = Buffer.from(payload.subarray(offset)).toString('utf16le');
    const length = text.indexOf('\0');
    const at = offset + 2 * (length - 1);
    return text[length - 1] === ';' ? [{ at, bytes: 2, why: 'an empty entry at the end of a list is none' }] : [];
  });
}
const v4 = { version: 0x4_0000, status: 0 };
const noMoreItems = 0x8007_0103;
const card = { kind: 'getIpInfo', adapterId: '00:15:5D:00:00:01', family: 'both' };
const color = { key: 'color', type: 'string', value: 'blue' };

describeRecorded('kvp', {
  guest: { decode, encode },
  host: { decode, encode },
  unkept: lastSemicolons,
  fields: {
    'host request 4.0 set pool 0': { ...v4, flags: asks, request: { kind: 'set', pool: 0, item: color } },
    'guest answer 4.0 set pool 0': { ...v4, flags: answers, request: { kind: 'set', pool: 0, item: color } },
    'host request 4.0 delete pool 0': { ...v4, flags: asks, request: { kind: 'delete', pool: 0, key: 'color' } },
    'guest answer 4.0 delete pool 0': { ...v4, flags: answers, request: { kind: 'delete', pool: 0, key: 'color' } },
    'host request 4.0 enumerate pool 2': { ...v4, flags: asks, request: { kind: 'enumerate', pool: 2, index: 0 } },
    'guest answer 4.0 enumerate pool 2': {
      ...v4,
      flags: answers,
      request: { kind: 'enumerate', pool: 2, index: 0 },
      found: {
        key: 'FullyQualifiedDomainName',
        type: 'string',
        value: 'getaddrinfo failed: 0xfffffffd Temporary failure in name resolution',
      },
    },
    'guest answer 4.0 enumerate pool 2 status 80070103': {
      ...v4,
      status: noMoreItems,
      flags: answers,
      request: { kind: 'enumerate', pool: 2, index: 10 },
    },
    'guest answer 4.0 enumerate pool 0': {
      ...v4,
      flags: answers,
      request: { kind: 'enumerate', pool: 0, index: 0 },
      found: color,
    },
    'host request 4.0 getIpInfo': { ...v4, flags: asks, request: card },
    'guest answer 4.0 getIpInfo': {
      ...v4,
      flags: answers,
      request: card,
      found: {
        adapterId: '00:15:5D:00:00:01',
        family: 'both',
        isDhcp: false,
        addresses: ['10.9.9.21', 'fe80::215:5dff:fe00:1'],
        subnets: ['255.255.255.0', '/64'],
        gateways: ['10.9.9.1'],
        dnsServers: [],
        origins: [],
      },
    },
  },
});
