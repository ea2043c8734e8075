// SPDX-License-Identifier: MIT
//
// A value too large for one record, spread over several: a format of our own, told in docs/kvp.md. Pure.
// Called by services/kvp/publish.ts.
//
//   KEY.meta   vmbus-parts/1 GENERATION PARTS BYTES SHA256     sizes in decimal, the digest of all bytes in hex
//   KEY.I      GENERATION I PARTS BASE64                       I from 0 on; 744 bytes each but the last
// A generation is 16 hex digits drawn anew for each publish, so that parts of two of them are never taken for one value.
// Bytes are split, not text: no escape and no character is cut in half, because base64 stands around whatever it is.

import { createHash } from 'node:crypto';

import { invalidType, outOfRange, VmbusError } from '../errors.js';

const format = 'vmbus-parts/1';
/** 992 characters of base64, which leave room for the words before them in the 1022 units of a value. */
const partBytes = 744;
const mostParts = 1000;
/** Bytes that can be published under one key. */
export const mostPublishedBytes: number = partBytes * mostParts;

/** A published value. */
export interface KvpParts {
  readonly generation: string;
  readonly bytes: Uint8Array;
  readonly parts: number;
  /** Hex digits. */
  readonly sha256: string;
}

/** What stands under a key. */
export type JoinedParts =
  | { readonly state: 'whole'; readonly value: KvpParts }
  | { readonly state: 'absent' }
  /** A publish that is not complete, or two that got mixed. */
  | { readonly state: 'torn'; readonly why: string };

/** Key of the record that tells how many parts there are. */
export const metaKey = (key: string): string => `${key}.meta`;
const partKey = (key: string, index: number): string => `${key}.${index}`;

const metaPattern = /^vmbus-parts\/1 ([0-9a-f]{16}) (0|[1-9]\d{0,3}) (0|[1-9]\d{0,5}) ([0-9a-f]{64})$/;
const partPattern =
  /^([0-9a-f]{16}) (0|[1-9]\d{0,2}) ([1-9]\d{0,3}) ((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;

/** The records of a value, parts first: who has seen the last one has seen all. @throws TypeError, RangeError, ERR_VMBUS_TOO_LARGE */
export function splitParts(
  key: string,
  bytes: Uint8Array,
  generation: string,
): { readonly records: readonly (readonly [key: string, value: string])[]; readonly value: KvpParts } {
  if (!(bytes instanceof Uint8Array)) throw invalidType('value', 'a string or a Uint8Array', bytes);
  if (!/^[0-9a-f]{16}$/.test(generation)) throw outOfRange('generation', '16 hex digits', generation);
  if (bytes.length > mostPublishedBytes) {
    throw new VmbusError('ERR_VMBUS_TOO_LARGE', `${bytes.length} bytes do not go under one key`, {
      hint: `publish at most ${mostPublishedBytes} bytes; for more, use the network or a socket between guest and host`,
      facts: { key, bytes: bytes.length, limit: mostPublishedBytes, limitUnit: 'bytes' },
    });
  }
  const parts = Math.ceil(bytes.length / partBytes);
  const sha256 = digest(bytes);
  const records = Array.from({ length: parts }, (_, i) => {
    const base64 = Buffer.from(bytes.subarray(i * partBytes, (i + 1) * partBytes)).toString('base64');
    return [partKey(key, i), `${generation} ${i} ${parts} ${base64}`] as const;
  });
  const meta = [metaKey(key), `${format} ${generation} ${parts} ${bytes.length} ${sha256}`] as const;
  return { records: [...records, meta], value: { generation, bytes, parts, sha256 } };
}

/** Puts together what was published under a key. `read` answers the value of a key, null where there is none. */
export function joinParts(key: string, read: (key: string) => string | null): JoinedParts {
  const text = read(metaKey(key));
  if (text === null) return { state: 'absent' };
  const meta = metaPattern.exec(text);
  if (meta === null) return torn(`${metaKey(key)} holds something else than "${format} …"`);
  const [, generation = '', count = '', size = '', sha256 = ''] = meta;
  const parts = Number(count);
  const pieces: Buffer[] = [];
  for (let i = 0; i < parts; i++) {
    const part = read(partKey(key, i));
    if (part === null) return torn(`${partKey(key, i)} of ${parts} is not there`);
    const [, of, index, total, base64 = ''] = partPattern.exec(part) ?? [];
    if (of === undefined) return torn(`${partKey(key, i)} is no part`);
    if (of !== generation) return torn(`${partKey(key, i)} is of another publish`);
    if (index !== String(i) || total !== count) return torn(`${partKey(key, i)} says that it is ${index} of ${total}`);
    pieces.push(Buffer.from(base64, 'base64'));
  }
  const bytes = Uint8Array.from(Buffer.concat(pieces));
  if (bytes.length !== Number(size)) return torn(`${bytes.length} bytes are there, ${size} were published`);
  if (digest(bytes) !== sha256) return torn('the digest is another one');
  return { state: 'whole', value: { generation, bytes, parts, sha256 } };
}

/** Whether a record was written by a publish under the key: its parts, or its meta. */
export function isPartOf(key: string, record: { readonly key: string; readonly value: string | null }): boolean {
  if (record.key === metaKey(key)) return record.value !== null && metaPattern.test(record.value);
  const index = partIndex(key, record.key);
  if (index === null || record.value === null) return false;
  return partPattern.exec(record.value)?.[2] === index;
}

/** The index in `KEY.7`; null for another key. */
function partIndex(key: string, name: string): string | null {
  if (!name.startsWith(`${key}.`)) return null;
  const rest = name.slice(key.length + 1);
  return /^(?:0|[1-9]\d{0,2})$/.test(rest) ? rest : null;
}

function torn(why: string): JoinedParts {
  return { state: 'torn', why };
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
