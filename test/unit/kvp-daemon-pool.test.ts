// SPDX-License-Identifier: MIT
//
// A pool file as the distribution's own daemon left it, stale bytes and all; recorded in a guest.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decodeKvpPool, encodeKvpRecord } from '../../dist/protocol/kvp-pool.js';

const fixture = new URL('../../test/fixtures/kvp/daemon-pool.json', import.meta.url);
const { bytes, runs } = JSON.parse(readFileSync(fixture, 'utf8')) as {
  readonly bytes: number;
  readonly runs: readonly [offset: number, hex: string][];
};
const file = new Uint8Array(bytes);
for (const [offset, hex] of runs) file.set(Buffer.from(hex, 'hex'), offset);

test('the daemon’s records are read up to their NULs', () => {
  const { records, tailBytes } = decodeKvpPool(file);
  assert.equal(tailBytes, 0);
  assert.deepEqual(
    records.map(({ key, value, problems }) => [key, value, problems]),
    [
      ['first', 'short', []],
      ['größe', 'ünïcödé-😀', []],
      ['number', '42', []],
    ],
  );
});

test('our records are the daemon’s, byte for byte, where it left nothing behind', () => {
  assert.deepEqual(encodeKvpRecord('größe', 'ünïcödé-😀'), file.subarray(2560, 5120));
  assert.deepEqual(encodeKvpRecord('number', '42'), file.subarray(5120));
});
