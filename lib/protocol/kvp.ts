// SPDX-License-Identifier: MIT
//
// Bodies of the key-value service (data exchange): pools of keys that host and guest read and write, and a network adapter's
// addresses, whose layouts are kvp-ip-info.ts.
// Shared by host/providers/kvp.ts and devices/. Source of the facts: struct hv_kvp_msg in include/uapi/linux/hyperv.h and
// drivers/hv/hv_kvp.c.
//
// Body: u8 operation, u8 pool, u16 zero; then, filled with zeros to 2580 bytes,
//   get, set   value              delete     u32 key bytes, key[512]
//   enumerate  u32 index, value   value      u32 type, u32 key bytes, u32 value bytes, key[512], value[2048]
// Sizes count the terminating NUL. An answer has the body of its request, with the value filled in.

import { checkInteger } from '../check.js';
import { outOfRange } from '../errors.js';
import { type Guid, parseGuid } from '../guid.js';
import type { IcVersion } from './ic.js';
import { getText } from './ic-text.js';
import { decodeIpInfo, encodeIpInfo, type IpFamily, ipInfoBodyBytes, type KvpIpInfo } from './kvp-ip-info.js';
import { decodeKvpItem, encodeKvpItem, encodeKvpKey, type KvpItem, keyBytes, valueBytes } from './kvp-value.js';
import { needBytes, protocolViolation, putUint, viewOf } from './wire-fields.js';

/** Class GUID of the key-value device. */
export const kvpClass: Guid = parseGuid('a9a0f4e7-5a45-4d96-b827-8a841e8c03e6');
/** Instance GUID that Hyper-V gives it. */
export const kvpInstance: Guid = parseGuid('242ff919-07db-4180-9c2e-b86cb68c8c55');

/** Numbers of the operations. */
export const KvpOperation = { get: 0, set: 1, delete: 2, enumerate: 3, getIpInfo: 4, setIpInfo: 5 } as const;

/** Numbers of the pools. */
export const KvpPool = {
  /** The host writes, the guest reads. */
  external: 0,
  /** The guest writes, the host reads. */
  guest: 1,
  /** Facts that the guest tells about itself. */
  auto: 2,
  /** Facts that the host tells about itself. */
  autoExternal: 3,
  autoInternal: 4,
} as const;
const lastPool = 4;
/** Name of a pool. */
export type KvpPoolName = keyof typeof KvpPool;

const itemOffset = 4;
const indexedOffset = 8;
/** Bytes of every body but those with IP information. */
const bodyBytes = indexedOffset + valueBytes;

/** A request of the host. */
export type KvpRequest =
  | { readonly kind: 'get'; readonly pool: number; readonly key: string }
  | { readonly kind: 'set'; readonly pool: number; readonly item: KvpItem }
  | { readonly kind: 'delete'; readonly pool: number; readonly key: string }
  | { readonly kind: 'enumerate'; readonly pool: number; readonly index: number }
  | { readonly kind: 'getIpInfo'; readonly adapterId: string; readonly family: IpFamily }
  | { readonly kind: 'setIpInfo'; readonly info: KvpIpInfo };

/** Body of a request in the layout of a version. @throws TypeError, RangeError where something does not fit its field */
export function encodeKvpRequest(request: KvpRequest, version: IcVersion): Uint8Array {
  switch (request.kind) {
    case 'get':
      return poolBody(KvpOperation.get, request.pool, (body) => {
        putUint(viewOf(body), itemOffset + 4, 32, encodeKvpKey(body, itemOffset + 12, request.key), 'key');
      });
    case 'set':
      return poolBody(KvpOperation.set, request.pool, (body) => encodeKvpItem(body, itemOffset, request.item));
    case 'delete':
      return poolBody(KvpOperation.delete, request.pool, (body) => {
        putUint(viewOf(body), itemOffset, 32, encodeKvpKey(body, itemOffset + 4, request.key), 'key');
      });
    case 'enumerate':
      return poolBody(KvpOperation.enumerate, request.pool, (body) =>
        putUint(viewOf(body), itemOffset, 32, request.index, 'index'),
      );
    case 'getIpInfo': {
      const { adapterId, family } = request;
      const info = { isDhcp: false, addresses: [], subnets: [], gateways: [], dnsServers: [], origins: [] };
      return ipBody(KvpOperation.getIpInfo, { adapterId, family, ...info }, version);
    }
    case 'setIpInfo':
      return ipBody(KvpOperation.setIpInfo, request.info, version);
    default:
      return request satisfies never;
  }
}

/** The request in a body. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeKvpRequest(body: Uint8Array, version: IcVersion): KvpRequest {
  needBytes(viewOf(body), itemOffset, 'kvp', 'request');
  const [operation = 0, pool = 0] = body;
  if (operation === KvpOperation.getIpInfo || operation === KvpOperation.setIpInfo) {
    const info = decodeIpInfo(body, version);
    if (operation === KvpOperation.setIpInfo) return { kind: 'setIpInfo', info };
    return { kind: 'getIpInfo', adapterId: info.adapterId, family: info.family };
  }
  if (pool > lastPool) throw protocolViolation('kvp', `pool ${pool}, there are 0 to ${lastPool}`, { pool });
  switch (operation) {
    case KvpOperation.get:
      needBytes(viewOf(body), itemOffset + valueBytes, 'kvp', 'get request');
      return { kind: 'get', pool, key: requestedKey(body, itemOffset + 4, itemOffset + 12) };
    case KvpOperation.set:
      needBytes(viewOf(body), itemOffset + valueBytes, 'kvp', 'set request');
      return { kind: 'set', pool, item: decodeKvpItem(body, itemOffset) };
    case KvpOperation.delete:
      needBytes(viewOf(body), itemOffset + 4 + keyBytes, 'kvp', 'delete request');
      return { kind: 'delete', pool, key: requestedKey(body, itemOffset, itemOffset + 4) };
    case KvpOperation.enumerate:
      // The whole of it: the answer goes there.
      needBytes(viewOf(body), bodyBytes, 'kvp', 'enumerate request');
      return { kind: 'enumerate', pool, index: viewOf(body).getUint32(itemOffset, true) };
    default:
      throw protocolViolation('kvp', `operation ${operation} is not one a host asks for`, { operation });
  }
}

/** Body of the answer to a get or enumerate request. @throws VmbusError ERR_VMBUS_PROTOCOL for another request; TypeError, RangeError */
export function encodeKvpItemReply(request: Uint8Array, item: KvpItem): Uint8Array {
  const offset = itemPlace(request);
  const body = Uint8Array.from(request);
  encodeKvpItem(body, offset, item);
  return body;
}

/** The item in the answer to a get or enumerate request. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeKvpItemReply(body: Uint8Array): KvpItem {
  return decodeKvpItem(body, itemPlace(body));
}

/** Body of the answer to a request for IP information. @throws RangeError when the request is shorter than its answer; TypeError */
export function encodeKvpIpReply(request: Uint8Array, info: KvpIpInfo, version: IcVersion): Uint8Array {
  const body = Uint8Array.from(request);
  if (body.length < ipInfoBodyBytes)
    throw outOfRange('request.length', `at least ${ipInfoBodyBytes} bytes`, request.length);
  encodeIpInfo(body, info, version);
  return body;
}

/** The answer to a request for IP information. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeKvpIpReply(body: Uint8Array, version: IcVersion): KvpIpInfo {
  return decodeIpInfo(body, version);
}

function poolBody(operation: number, pool: number, fill: (body: Uint8Array) => void): Uint8Array {
  checkInteger(pool, 'pool', 0, lastPool);
  const body = new Uint8Array(bodyBytes);
  body[0] = operation;
  body[1] = pool;
  fill(body);
  return body;
}

function ipBody(operation: number, info: KvpIpInfo, version: IcVersion): Uint8Array {
  const body = new Uint8Array(ipInfoBodyBytes);
  body[0] = operation;
  encodeIpInfo(body, info, version);
  return body;
}

/** Where the item stands in a body that has one. */
function itemPlace(body: Uint8Array): number {
  needBytes(viewOf(body), itemOffset, 'kvp', 'answer');
  const operation = body[0];
  if (operation !== KvpOperation.get && operation !== KvpOperation.enumerate)
    throw protocolViolation('kvp', `an answer to operation ${operation} has no value`, { operation });
  const offset = operation === KvpOperation.get ? itemOffset : indexedOffset;
  needBytes(viewOf(body), offset + valueBytes, 'kvp', 'answer');
  return offset;
}

function requestedKey(body: Uint8Array, sizeOffset: number, keyOffset: number): string {
  const bytes = viewOf(body).getUint32(sizeOffset, true);
  if (bytes > keyBytes || bytes % 2 !== 0) throw protocolViolation('kvp', `a key of ${bytes} bytes`, { bytes });
  return getText(body, keyOffset, bytes);
}
