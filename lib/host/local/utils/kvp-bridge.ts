// SPDX-License-Identifier: MIT
//
// The simulated kernel's part in the key-value service: messages of the host become those of /dev/vmbus/hv_kvp, and back.
// Called by: utils-driver.ts. Source: drivers/hv/hv_kvp.c.

import { IcStatus, IcType, type IcVersion, icVersion } from '../../../protocol/ic.js';
import { decodeKvpRequest, encodeKvpIpReply, encodeKvpItemReply, type KvpRequest } from '../../../protocol/kvp.js';
import {
  decodeKvpDeviceReply,
  encodeKvpDeviceRequest,
  encodeKvpRegistration,
  type KvpDeviceAnswer,
  type KvpDeviceRequest,
  kvpMessageBytes,
  kvpRegister,
} from '../../../protocol/kvp-device.js';
import type { Bridge } from './types.js';

const kernelVersion = '3.1';
const timeoutMs = 30_000;

export const kvpBridge: Bridge = {
  node: 'hv_kvp',
  type: IcType.kvp,
  frameworks: [icVersion(3, 0), icVersion(1, 0)],
  versions: [icVersion(4, 0), icVersion(3, 0)],
  waitsForOpener: true,
  register: (message) =>
    message.length === kvpMessageBytes && message[0] === kvpRegister ? encodeKvpRegistration(kernelVersion) : null,
  request: (body, version) => {
    const request = decodeKvpRequest(body, version);
    return {
      message: encodeKvpDeviceRequest(forOpener(request)),
      timeoutMs,
      reply: (message) => {
        const answer = decodeKvpDeviceReply(message, request.kind);
        if (answer.status !== IcStatus.done) return { status: answer.status };
        const reply = bodyFor(request, answer, body, version);
        return reply ? { status: answer.status, body: reply } : { status: answer.status };
      },
    };
  },
};

/** Numbers become their digits. */
function forOpener(request: KvpRequest): KvpDeviceRequest {
  if (request.kind !== 'set') return request;
  const { key, value } = request.item;
  return { kind: 'set', pool: request.pool, key, value: String(value) };
}

function bodyFor(
  request: KvpRequest,
  answer: KvpDeviceAnswer,
  body: Uint8Array,
  version: IcVersion,
): Uint8Array | null {
  const { entry, info } = answer;
  if (info) return encodeKvpIpReply(body, info, version);
  if (!entry) return null;
  const key = request.kind === 'get' ? request.key : entry.key;
  return encodeKvpItemReply(body, { key, type: 'string', value: entry.value });
}
