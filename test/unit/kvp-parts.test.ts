// SPDX-License-Identifier: MIT
//
// Values spread over records: every size, every damage, and what earlier publishes leave.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isPartOf, joinParts, splitParts } from '../../dist/protocol/kvp-parts.js';
import { encodeKvpRecord } from '../../dist/protocol/kvp-pool.js';

const generation = '0123456789abcdef';
const other = 'fedcba9876543210';
const split = (bytes: Uint8Array, of = generation): Map<string, string> => new Map(splitParts('s', bytes, of).records);
const join = (records: ReadonlyMap<string, string>) => joinParts('s', (key) => records.get(key) ?? null);
const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7) & 0xff);

describe('a published value', () => {
  it('has the documented bytes', () => {
    assert.deepEqual(
      [...split(Buffer.from('{"a":"\\u00e4"}'))],
      [
        ['s.0', '0123456789abcdef 0 1 eyJhIjoiXHUwMGU0In0='],
        // printf '%s' '{"a":"\u00e4"}' | sha256sum
        [
          's.meta',
          'vmbus-parts/1 0123456789abcdef 1 14 ba42eceab1bf32f07027697bede2a15f70f93dd65ff787430268aa3c7d352c2d',
        ],
      ],
    );
    assert.match(split(Buffer.alloc(0)).get('s.meta') ?? '', /^vmbus-parts\/1 0123456789abcdef 0 0 e3b0c44298fc1c14/);
  });

  for (const length of [0, 1, 743, 744, 745, 1488, 1489, 744_000]) {
    it(`of ${length} bytes comes back as it was, in records that the kernel passes on whole`, () => {
      const bytes = bytesOf(length);
      const records = split(bytes);
      for (const [key, value] of records) encodeKvpRecord(key, value);

      const found = join(records);

      assert.equal(found.state, 'whole');
      assert.ok(found.state === 'whole' && Buffer.compare(found.value.bytes, bytes) === 0);
    });
  }

  it('of more than 744,000 bytes is refused', () => {
    assert.throws(() => split(bytesOf(744_001)), { code: 'ERR_VMBUS_TOO_LARGE' });
  });

  it('may be any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
        const found = join(split(bytes));
        assert.ok(found.state === 'whole' && Buffer.compare(found.value.bytes, bytes) === 0);
      }),
    );
  });

  it('is absent without its meta record', () => {
    assert.deepEqual(join(new Map([['s.0', 'x']])), { state: 'absent' });
  });
});

describe('a torn publish', () => {
  const torn = (change: (records: Map<string, string>) => void): string => {
    const records = split(bytesOf(2000));
    change(records);
    const found = join(records);
    return found.state === 'torn' ? found.why : found.state;
  };
  const later = split(
    Uint8Array.from(bytesOf(2000), (byte) => byte ^ 1),
    other,
  );
  const cases: readonly (readonly [string, (records: Map<string, string>) => void, RegExp])[] = [
    ['a part is missing', (records) => records.delete('s.1'), /s\.1 of 3 is not there/],
    ['a part is of another publish', (records) => records.set('s.1', later.get('s.1') ?? ''), /another publish/],
    [
      'the meta is of another publish',
      (records) => records.set('s.meta', later.get('s.meta') ?? ''),
      /another publish/,
    ],
    [
      'a part is at the wrong place',
      (records) => records.set('s.1', records.get('s.0') ?? ''),
      /says that it is 0 of 3/,
    ],
    ['a part was cut off', (records) => records.set('s.1', (records.get('s.1') ?? '').slice(0, -1)), /no part/],
    ['a part is shorter', (records) => records.set('s.1', (records.get('s.1') ?? '').slice(0, -4)), /bytes are there/],
    [
      'a byte is another one',
      // The first of them: 744 bytes went by in parts 0 and 1 each.
      (records) =>
        records.set(
          's.2',
          (records.get('s.2') ?? '').replace(/ (.)([^ ]*)$/, (_, c, rest) => ` ${c === 'A' ? 'B' : 'A'}${rest}`),
        ),
      /the digest is another one/,
    ],
    ['the meta is something else', (records) => records.set('s.meta', '{"v":1}'), /something else/],
  ];
  for (const [what, change, why] of cases) {
    it(`is noticed: ${what}`, () => assert.match(torn(change), why));
  }
});

describe('a record', () => {
  it('belongs to a publish by its key and its value', () => {
    const records = [...split(bytesOf(2000))].map(([key, value]) => ({ key, value }));

    assert.ok(records.every((record) => isPartOf('s', record)));
    assert.ok(records.every((record) => !isPartOf('t', record)));
    for (const [key, value] of [
      ['s.0', 'my own'],
      ['s.1', `${generation} 2 3 AAAA`],
      ['s.x', `${generation} 0 1 AAAA`],
      ['s.meta', 'my own'],
      ['s', 'plain'],
    ])
      assert.equal(isPartOf('s', { key: key ?? '', value: value ?? '' }), false, `${key} = ${value}`);
  });
});
