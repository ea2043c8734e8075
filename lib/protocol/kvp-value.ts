// SPDX-License-Identifier: MIT
//
// A key with its value, as the key-value service carries them in requests and answers.
// Called by kvp.ts. Source of the facts: struct hv_kvp_exchg_msg_value in include/uapi/linux/hyperv.h.
//
//   0 u32 type, 4 u32 key bytes, 8 u32 value bytes (texts: both with their NUL), 12 key[512], 524 value[2048]

import { invalidType, invalidValue } from '../errors.js';
import { getText, putText } from './ic-text.js';
import { protocolViolation, putUint, putUint64, viewOf } from './wire-fields.js';

/** Bytes of a key's field. */
export const keyBytes = 512;
const textBytes = 2048;
const keyOffset = 12;
const textOffset = keyOffset + keyBytes;
/** Bytes of a value with its key. */
export const valueBytes: number = textOffset + textBytes;

/**
 * Types of values: registry types of Windows. Linux calls 8 what is 11 here, so a 64-bit number of a host arrives there
 * empty; its own answers are texts always.
 */
const types = { string: 1, expandableString: 2, u32: 4, u64: 11 } as const;

/** A value with its type. */
export type KvpValue =
  | { readonly type: 'string' | 'expandableString'; readonly value: string }
  | { readonly type: 'u32'; readonly value: number }
  | { readonly type: 'u64'; readonly value: bigint };

/** A key of a pool and its value. Keys have at most 255 UTF-16 units, texts 1023. */
export type KvpItem = { readonly key: string } & KvpValue;

/** Writes a key; answers its bytes with the NUL. @throws TypeError, RangeError */
export function encodeKvpKey(body: Uint8Array, offset: number, key: string): number {
  return putText(body, offset, keyBytes, key, 'key');
}

/** Writes a key and its value. @throws TypeError, RangeError */
export function encodeKvpItem(body: Uint8Array, offset: number, item: KvpItem): void {
  const view = viewOf(body);
  body.subarray(offset, offset + valueBytes).fill(0);
  const code = Object.hasOwn(types, item.type) ? types[item.type] : undefined;
  if (code === undefined) throw invalidValue('type', `must be one of ${Object.keys(types).join(', ')}`, item.type);
  view.setUint32(offset, code, true);
  view.setUint32(offset + 4, encodeKvpKey(body, offset + keyOffset, item.key), true);
  view.setUint32(offset + 8, putValue(body, offset + textOffset, item), true);
}

function putValue(body: Uint8Array, offset: number, item: KvpValue): number {
  const view = viewOf(body);
  switch (item.type) {
    case 'u32':
      putUint(view, offset, 32, item.value, 'value');
      return 4;
    case 'u64':
      putUint64(view, offset, item.value, 'value');
      return 8;
    case 'string':
    case 'expandableString':
      return putText(body, offset, textBytes, item.value, 'value');
    default:
      return item satisfies never;
  }
}

/** The key and its value at an offset where {@link valueBytes} are. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeKvpItem(body: Uint8Array, offset: number): KvpItem {
  const view = viewOf(body);
  const type = view.getUint32(offset, true);
  const keySize = view.getUint32(offset + 4, true);
  const size = view.getUint32(offset + 8, true);
  if (keySize > keyBytes || keySize % 2 !== 0) throw protocolViolation('kvp', `a key of ${keySize} bytes`, { keySize });
  const key = getText(body, offset + keyOffset, keySize);
  const at = offset + textOffset;
  switch (type) {
    case types.string:
    case types.expandableString: {
      if (size > textBytes || size % 2 !== 0) throw protocolViolation('kvp', `a text of ${size} bytes`, { size });
      return { key, type: type === types.string ? 'string' : 'expandableString', value: getText(body, at, size) };
    }
    case types.u32:
      if (size !== 4) throw protocolViolation('kvp', `a number of 32 bits in ${size} bytes`, { size });
      return { key, type: 'u32', value: view.getUint32(at, true) };
    case types.u64:
      if (size !== 8) throw protocolViolation('kvp', `a number of 64 bits in ${size} bytes`, { size });
      return { key, type: 'u64', value: view.getBigUint64(at, true) };
    default:
      throw protocolViolation('kvp', `a value of type ${type}`, { type });
  }
}

/** The item of a key and a plain value: text, a number of 32 bits, a bigint of 64. @throws TypeError for anything else */
export function kvpItem(key: string, value: string | number | bigint): KvpItem {
  if (typeof value === 'string') return { key, type: 'string', value };
  if (typeof value === 'number') return { key, type: 'u32', value };
  if (typeof value === 'bigint') return { key, type: 'u64', value };
  throw invalidType('value', 'a string, a number or a bigint', value);
}
