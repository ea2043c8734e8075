// SPDX-License-Identifier: MIT
//
// Records of a pool file: what the key-value daemon of Linux keeps its pools in. Pure bytes; nothing here opens a file.
// Called by services/kvp. Source of the facts: struct kvp_record in tools/hv/hv_kvp_daemon.c; drivers/hv/hv_kvp.c.
//
//   0 key[512], 512 value[2048]; both UTF-8 with a NUL, no header, no count. What stands after a NUL is stale and means nothing.
//   The number of records is the file's size divided by 2560; a rest at the end is no record.
// The kernel hands the host at most 254 UTF-16 units of a key and 1022 of a value, and cuts the rest off without a word.

import { invalidType, invalidValue, VmbusError } from '../errors.js';

/** Bytes of a key's field, with its NUL. */
export const poolKeyBytes = 512;
const poolValueBytes = 2048;
/** Bytes of a record. */
export const poolRecordBytes: number = poolKeyBytes + poolValueBytes;
/** UTF-16 units of a key that reach the host. */
export const mostKeyUnits = 254;
/** UTF-16 units of a value that reach the host. */
export const mostValueUnits = 1022;

/** What is wrong with a record. None of them keeps the other records from being read. */
export type KvpRecordProblem =
  /** The host can't be told of the record: the kernel fails at the first byte that is no UTF-8. */
  | 'key-not-utf8'
  | 'value-not-utf8'
  /** No NUL in the field. */
  | 'key-unterminated'
  | 'value-unterminated'
  /** More UTF-16 units than the kernel passes on. */
  | 'key-too-long'
  | 'value-too-long'
  /** No key: left by a writer that died; no reader finds it, and the next write takes it away. */
  | 'key-empty';

/** One record of a pool file. */
export interface KvpRecord {
  /** Its place in the file, from 0 on. */
  readonly index: number;
  /** Null where it is no UTF-8. */
  readonly key: string | null;
  readonly value: string | null;
  /** Bytes before the NUL. */
  readonly keyBytes: Uint8Array;
  readonly valueBytes: Uint8Array;
  readonly problems: readonly KvpRecordProblem[];
}

/** All that a pool file holds. */
export interface KvpPoolRecords {
  readonly records: readonly KvpRecord[];
  /** Bytes after the last whole record; everybody ignores them. */
  readonly tailBytes: number;
}

/** The records in a pool file. Never throws for what stands in it. */
export function decodeKvpPool(file: Uint8Array): KvpPoolRecords {
  const count = Math.floor(file.length / poolRecordBytes);
  const records = Array.from({ length: count }, (_, index) =>
    decodeRecord(file.subarray(index * poolRecordBytes, (index + 1) * poolRecordBytes), index),
  );
  return { records, tailBytes: file.length - count * poolRecordBytes };
}

/**
 * A record, zero-filled.
 * @throws VmbusError ERR_VMBUS_TOO_LARGE with `key`, `units`, `limit`; TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 */
export function encodeKvpRecord(key: string, value: string): Uint8Array {
  checkKvpKey(key);
  checkText(value, 'value');
  checkLimit({ field: 'value', key, text: value, mostUnits: mostValueUnits, mostBytes: poolValueBytes - 1 });
  const record = new Uint8Array(poolRecordBytes);
  record.set(Buffer.from(key, 'utf8'));
  record.set(Buffer.from(value, 'utf8'), poolKeyBytes);
  return record;
}

/** @throws VmbusError ERR_VMBUS_TOO_LARGE; TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
export function checkKvpKey(key: string): void {
  checkText(key, 'key');
  if (key === '') throw invalidValue('key', 'must not be empty', key);
  checkLimit({ field: 'key', key, text: key, mostUnits: mostKeyUnits, mostBytes: poolKeyBytes - 1 });
}

function checkText(text: unknown, name: string): asserts text is string {
  if (typeof text !== 'string') throw invalidType(name, 'a string', text);
  if (text.includes('\0')) throw invalidValue(name, 'must not contain a NUL, which ends the text in a record', text);
  checkWellFormed(text, name);
}

/** @throws TypeError ERR_INVALID_ARG_VALUE for a text that has no UTF-8 */
export function checkWellFormed(text: string, name: string): void {
  if (/\p{Surrogate}/u.test(text)) throw invalidValue(name, 'must not contain half a surrogate pair', text);
}

interface Limited {
  readonly field: 'key' | 'value';
  readonly key: string;
  readonly text: string;
  readonly mostUnits: number;
  readonly mostBytes: number;
}

function checkLimit({ field, key, text, mostUnits, mostBytes }: Limited): void {
  const units = text.length;
  const bytes = Buffer.byteLength(text, 'utf8');
  if (units <= mostUnits && bytes <= mostBytes) return;
  const inUnits = units > mostUnits;
  const size = inUnits ? `${units} UTF-16 units` : `${bytes} bytes of UTF-8`;
  const limit = inUnits ? mostUnits : mostBytes;
  const shown = key.length > 60 ? `${key.slice(0, 60)}…` : key;
  const whose = field === 'key' ? `the key ${shown}` : `the value of ${shown}`;
  const why = inUnits ? 'the kernel passes on at most' : 'a record has room for';
  throw new VmbusError('ERR_VMBUS_TOO_LARGE', `${whose} has ${size}, ${why} ${limit}`, {
    hint: field === 'key' ? 'choose a shorter key' : 'spread it over several records: `hv kvp publish`',
    facts: { field, key, units, bytes, limit, limitUnit: inUnits ? 'utf-16' : 'bytes' },
  });
}

// A byte order mark is a character like others here.
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeRecord(record: Uint8Array, index: number): KvpRecord {
  const problems: KvpRecordProblem[] = [];
  const key = decodeField(record.subarray(0, poolKeyBytes), 'key', mostKeyUnits, problems);
  const value = decodeField(record.subarray(poolKeyBytes), 'value', mostValueUnits, problems);
  if (key.bytes.length === 0) problems.push('key-empty');
  return { index, key: key.text, value: value.text, keyBytes: key.bytes, valueBytes: value.bytes, problems };
}

function decodeField(
  field: Uint8Array,
  name: 'key' | 'value',
  mostUnits: number,
  problems: KvpRecordProblem[],
): { readonly text: string | null; readonly bytes: Uint8Array } {
  const end = field.indexOf(0);
  if (end < 0) problems.push(`${name}-unterminated`);
  const bytes = end < 0 ? field : field.subarray(0, end);
  try {
    const text = strict.decode(bytes);
    if (text.length > mostUnits) problems.push(`${name}-too-long`);
    return { text, bytes };
  } catch {
    problems.push(`${name}-not-utf8`);
    return { text: null, bytes };
  }
}
