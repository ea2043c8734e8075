// SPDX-License-Identifier: MIT
//
// Messages of /dev/vmbus/hv_kvp: what the kernel passes on of the key-value service to the one process that holds its device.
// Texts are UTF-8 here; the kernel makes UTF-16 of them and back.
// Shared by devices/kvp.ts and the simulated kernel of host/local. Source of the facts: struct hv_kvp_msg in
// include/uapi/linux/hyperv.h; kvp_send_key() and kvp_respond_to_host() in drivers/hv/hv_kvp.c.
//
// Every message has 7432 bytes: u8 operation, u8 pool, u16 zero - in an answer u32 status over them -, then
//   register   4 version[512]
//   enumerate  4 u32 index, then an item: 8 u32 type, 12 u32 key bytes, 16 u32 value bytes, 20 key[512], 532 value[2048]
//   get, set   4 the item: type, key bytes, value bytes, 16 key[512], 528 value[2048]
//   delete     4 u32 key bytes, 8 key[512]
//   IP         4 adapter id[256], 260 u8 family, 261 u8 DHCP, 262 addresses[2048], 2310 subnets[2048], 4358 gateways[1024],
//              5382 DNS servers[2048]
// The kernel takes the value that answers a get from where an enumeration has it, at 532.

import { outOfRange } from '../errors.js';
import { KvpOperation } from './kvp.js';
import {
  familyNumber,
  familyOfNumber,
  type IpFamily,
  ipLists,
  joinEntries,
  type KvpIpInfo,
  splitEntries,
} from './kvp-ip-types.js';
import { protocolViolation, putUint, viewOf } from './wire-fields.js';

/** Bytes of every message. */
export const kvpMessageBytes = 7432;
/** What registers a process that answers with a status. 4 was for those that did not. */
export const kvpRegister = 100;

const keySize = 512;
const valueSize = 2048;
const versionField = { offset: 4, bytes: 512 } as const;
const indexed = { type: 8, keyBytes: 12, valueBytes: 16, key: 20, value: 532 } as const;
const plain = { type: 4, keyBytes: 8, valueBytes: 12, key: 16, value: 528 } as const;
const deleted = { keyBytes: 4, key: 8 } as const;
const ip = {
  adapterId: { offset: 4, bytes: 256 },
  addresses: { offset: 262, bytes: 2048 },
  subnets: { offset: 2310, bytes: 2048 },
  gateways: { offset: 4358, bytes: 1024 },
  dnsServers: { offset: 5382, bytes: 2048 },
} as const;
const familyOffset = 260;
const dhcpOffset = 261;
const textType = 1;
const lastPool = 4;

/** A request of the host, as the kernel passes it on. Numbers come as their digits. */
export type KvpDeviceRequest =
  | { readonly kind: 'get' | 'delete'; readonly pool: number; readonly key: string }
  | { readonly kind: 'set'; readonly pool: number; readonly key: string; readonly value: string }
  | { readonly kind: 'enumerate'; readonly pool: number; readonly index: number }
  | { readonly kind: 'getIpInfo'; readonly adapterId: string; readonly family: IpFamily }
  | { readonly kind: 'setIpInfo'; readonly info: KvpIpInfo };

/** What a request is answered. */
export interface KvpDeviceAnswer {
  /** See `IcStatus`; with any but 0 the host gets nothing else. */
  readonly status: number;
  /** Of a get, whose key stays, and of an enumeration. */
  readonly entry?: { readonly key: string; readonly value: string };
  readonly info?: KvpIpInfo;
}

/** What registers with the kernel, and what the kernel answers (with its version). */
export function encodeKvpRegistration(version = ''): Uint8Array {
  const message = new Uint8Array(kvpMessageBytes);
  message[0] = kvpRegister;
  putField(message, versionField, version, 'version');
  return message;
}

/** Version of the kernel's side, from its answer to a registration. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeKvpRegistration(message: Uint8Array): string {
  checkLength(message);
  if (message[0] !== kvpRegister)
    throw protocolViolation('kvp', `operation ${message[0]} in answer to a registration`, { operation: message[0] });
  return getField(message, versionField);
}

/** @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeKvpDeviceRequest(message: Uint8Array): KvpDeviceRequest {
  checkLength(message);
  const [operation = 0, pool = 0] = message;
  if (operation === KvpOperation.getIpInfo)
    return { kind: 'getIpInfo', adapterId: getField(message, ip.adapterId), family: getFamily(message) };
  if (operation === KvpOperation.setIpInfo) return { kind: 'setIpInfo', info: getIpInfo(message) };
  if (pool > lastPool) throw protocolViolation('kvp', `pool ${pool}, there are 0 to ${lastPool}`, { pool });
  switch (operation) {
    case KvpOperation.get:
      return { kind: 'get', pool, key: getKey(message, plain.key) };
    case KvpOperation.set:
      return {
        kind: 'set',
        pool,
        key: getKey(message, plain.key),
        value: getField(message, { offset: plain.value, bytes: valueSize }),
      };
    case KvpOperation.delete:
      return { kind: 'delete', pool, key: getKey(message, deleted.key) };
    case KvpOperation.enumerate:
      return { kind: 'enumerate', pool, index: viewOf(message).getUint32(4, true) };
    default:
      throw protocolViolation('kvp', `operation ${operation} is not one a host asks for`, { operation });
  }
}

/** The request of a host as the kernel passes it on. @throws TypeError, RangeError where something does not fit its field */
export function encodeKvpDeviceRequest(request: KvpDeviceRequest): Uint8Array {
  const message = new Uint8Array(kvpMessageBytes);
  message[0] = KvpOperation[request.kind];
  if ('pool' in request) putUint(viewOf(message), 1, 8, request.pool, 'pool');
  const view = viewOf(message);
  switch (request.kind) {
    case 'enumerate':
      putUint(view, 4, 32, request.index, 'index');
      break;
    case 'delete':
      view.setUint32(deleted.keyBytes, putKey(message, deleted.key, request.key), true);
      break;
    case 'get':
      view.setUint32(plain.keyBytes, putKey(message, plain.key, request.key), true);
      break;
    case 'set':
      view.setUint32(plain.keyBytes, putKey(message, plain.key, request.key), true);
      view.setUint32(plain.valueBytes, putValue(message, plain.value, request.value), true);
      break;
    case 'getIpInfo':
      putField(message, ip.adapterId, request.adapterId, 'adapterId');
      message[familyOffset] = familyNumber(request.family);
      break;
    case 'setIpInfo':
      putIpInfo(message, request.info);
      break;
    default:
      return request satisfies never;
  }
  return message;
}

/** The answer to a request. @throws TypeError, RangeError where something does not fit its field */
export function encodeKvpDeviceReply(request: Uint8Array, { status, entry, info }: KvpDeviceAnswer): Uint8Array {
  checkLength(request);
  const message = Uint8Array.from(request);
  const view = viewOf(message);
  const [operation] = request;
  if (entry && operation === KvpOperation.get) {
    view.setUint32(plain.valueBytes, putValue(message, indexed.value, entry.value), true);
  } else if (entry) {
    view.setUint32(indexed.type, textType, true);
    view.setUint32(indexed.keyBytes, putKey(message, indexed.key, entry.key), true);
    view.setUint32(indexed.valueBytes, putValue(message, indexed.value, entry.value), true);
  }
  if (info) putIpInfo(message, info);
  putUint(view, 0, 32, status, 'status');
  return message;
}

/** What was answered to a request, as the kernel reads it. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeKvpDeviceReply(message: Uint8Array, kind: KvpDeviceRequest['kind']): KvpDeviceAnswer {
  checkLength(message);
  const status = viewOf(message).getUint32(0, true);
  if (status !== 0) return { status };
  const value = (): string => getField(message, { offset: indexed.value, bytes: valueSize });
  if (kind === 'enumerate') return { status, entry: { key: getKey(message, indexed.key), value: value() } };
  if (kind === 'get') return { status, entry: { key: '', value: value() } };
  return kind === 'getIpInfo' ? { status, info: getIpInfo(message) } : { status };
}

interface Field {
  readonly offset: number;
  readonly bytes: number;
}

function checkLength(message: Uint8Array): void {
  if (message.length !== kvpMessageBytes)
    throw protocolViolation('kvp', `a message of ${message.length} bytes, each has ${kvpMessageBytes}`, {
      bytes: message.length,
    });
}

function getKey(message: Uint8Array, offset: number): string {
  return getField(message, { offset, bytes: keySize });
}

/** A C string; without a NUL it ends with its field. What is no UTF-8 shows as replacement characters. */
function getField(message: Uint8Array, { offset, bytes }: Field): string {
  const field = message.subarray(offset, offset + bytes);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

const putKey = (message: Uint8Array, offset: number, key: string): number =>
  putField(message, { offset, bytes: keySize }, key, 'key');
const putValue = (message: Uint8Array, offset: number, value: string): number =>
  putField(message, { offset, bytes: valueSize }, value, 'value');

/** Writes a C string over the field; answers its bytes with the NUL. */
function putField(message: Uint8Array, { offset, bytes }: Field, text: string, name: string): number {
  const encoded = new TextEncoder().encode(text);
  if (encoded.length >= bytes) throw outOfRange(name, `at most ${bytes - 1} bytes of UTF-8`, text);
  message.fill(0, offset, offset + bytes);
  message.set(encoded, offset);
  return encoded.length + 1;
}

function getFamily(message: Uint8Array): IpFamily {
  return familyOfNumber(message[familyOffset] ?? 0);
}

function getIpInfo(message: Uint8Array): KvpIpInfo {
  return {
    adapterId: getField(message, ip.adapterId),
    family: getFamily(message),
    isDhcp: message[dhcpOffset] !== 0,
    ...splitEntries((name) => getField(message, ip[name])),
    origins: [],
  };
}

function putIpInfo(message: Uint8Array, info: KvpIpInfo): void {
  putField(message, ip.adapterId, info.adapterId, 'adapterId');
  message[familyOffset] = familyNumber(info.family);
  message[dhcpOffset] = info.isDhcp ? 1 : 0;
  for (const name of ipLists) putField(message, ip[name], joinEntries(name, info[name]), name);
}
