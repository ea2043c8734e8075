// SPDX-License-Identifier: MIT
//
// Records of pool files: bytes as the daemon of Linux writes them, the limits of kernel and record, and damage.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeKvpPool, encodeKvpRecord, type KvpRecord, poolRecordBytes } from '../../dist/protocol/kvp-pool.js';

/** A record by hand: each field is its bytes, then whatever a reused buffer still held. */
function byHand(key: string | Uint8Array, value: string | Uint8Array, stale = 0): Buffer {
  const record = Buffer.alloc(2560, stale);
  for (const [bytes, at, most] of [
    [Buffer.from(key), 0, 512],
    [Buffer.from(value), 512, 2048],
  ] as const) {
    bytes.copy(record, at);
    if (bytes.length < most) record[at + bytes.length] = 0;
  }
  return record;
}
const only = (file: Uint8Array): KvpRecord => decodeKvpPool(file).records[0] as KvpRecord;
const text = ({ key, value }: KvpRecord): readonly (string | null)[] => [key, value];

describe('a pool file', () => {
  it('has records of 2560 bytes: key, NUL, stale bytes, value, NUL, stale bytes', () => {
    const file = Buffer.concat([
      byHand('HostName', 'HV-01', 0xaa),
      byHand('ä€😀', 'größe', 0x41),
      byHand('empty', '', 0xff),
    ]);

    const { records, tailBytes } = decodeKvpPool(file);

    assert.deepEqual(records.map(text), [
      ['HostName', 'HV-01'],
      ['ä€😀', 'größe'],
      ['empty', ''],
    ]);
    assert.equal(tailBytes, 0);
    assert.ok(records.every(({ problems }) => problems.length === 0));
  });

  it('is written as zero-filled records', () => {
    assert.equal(Buffer.compare(encodeKvpRecord('ä', 'größe'), byHand('ä', 'größe')), 0);
    assert.equal(encodeKvpRecord('k', 'v').length, poolRecordBytes);
  });

  it('may end in the middle of a record, which is none then', () => {
    const { records, tailBytes } = decodeKvpPool(Buffer.concat([byHand('a', '1'), byHand('b', '2').subarray(0, 2559)]));

    assert.deepEqual(records.map(text), [['a', '1']]);
    assert.equal(tailBytes, 2559);
  });

  it('keeps its sound records readable beside one that is no UTF-8', () => {
    const bad = Uint8Array.of(0x61, 0xff, 0x62);
    const { records } = decodeKvpPool(Buffer.concat([byHand(bad, 'x'), byHand('k', bad), byHand('good', 'yes')]));

    assert.deepEqual(records.map(text), [
      [null, 'x'],
      ['k', null],
      ['good', 'yes'],
    ]);
    assert.deepEqual(
      records.map(({ problems }) => problems),
      [['key-not-utf8'], ['value-not-utf8'], []],
    );
    assert.deepEqual([...(records[0]?.keyBytes ?? [])], [...bad]);
  });

  it('tells fields without a NUL, keys without a letter, and texts that the kernel cuts', () => {
    const full = byHand('k'.repeat(512), 'v'.repeat(2048));

    assert.deepEqual(only(full).problems, ['key-unterminated', 'key-too-long', 'value-unterminated', 'value-too-long']);
    assert.deepEqual(only(byHand('', 'x')).problems, ['key-empty']);
    assert.deepEqual(only(byHand('k'.repeat(254), 'v'.repeat(1022))).problems, []);
    assert.deepEqual(only(byHand('k'.repeat(255), 'v'.repeat(1023))).problems, ['key-too-long', 'value-too-long']);
  });

  it('never keeps a byte order mark from being part of a text', () => {
    assert.equal(only(byHand('k', '\ufeffx')).value, '\ufeffx');
  });

  it('can hold any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6000 }), (bytes) => {
        const { records, tailBytes } = decodeKvpPool(bytes);
        assert.equal(records.length * 2560 + tailBytes, bytes.length);
      }),
    );
  });
});

const tooLarge = (facts: Record<string, unknown>) => (error: unknown) => {
  const { code, ...rest } = (error as { toJSON(): Record<string, unknown> }).toJSON();
  assert.equal(code, 'ERR_VMBUS_TOO_LARGE');
  for (const [name, value] of Object.entries(facts)) assert.deepEqual(rest[name], value, name);
  return true;
};

describe('the limits of a record', () => {
  for (const units of [253, 254]) {
    it(`let a key of ${units} UTF-16 units through`, () => {
      assert.equal(only(encodeKvpRecord('k'.repeat(units), '')).key?.length, units);
    });
  }
  for (const units of [1021, 1022]) {
    it(`let a value of ${units} UTF-16 units through`, () => {
      assert.equal(only(encodeKvpRecord('k', 'v'.repeat(units))).value?.length, units);
    });
  }

  it('refuse a key of 255 units, naming key, units and limit', () => {
    const key = 'k'.repeat(255);
    assert.throws(() => encodeKvpRecord(key, ''), tooLarge({ field: 'key', key, units: 255, limit: 254 }));
  });

  it('refuse a value of 1023 units, naming key, units and limit', () => {
    assert.throws(
      () => encodeKvpRecord('build', 'v'.repeat(1023)),
      tooLarge({ field: 'value', key: 'build', units: 1023, limit: 1022, limitUnit: 'utf-16' }),
    );
  });

  it('count a surrogate pair at the edge as two units', () => {
    assert.equal(only(encodeKvpRecord(`${'k'.repeat(252)}😀`, '')).key?.length, 254);
    assert.throws(() => encodeKvpRecord(`${'k'.repeat(253)}😀`, ''), tooLarge({ units: 255 }));
    assert.equal(only(encodeKvpRecord('k', `${'v'.repeat(1020)}😀`)).value?.length, 1022);
    assert.throws(() => encodeKvpRecord('k', `${'v'.repeat(1021)}😀`), tooLarge({ units: 1023 }));
  });

  it('count bytes as well: 254 letters of three bytes have no room', () => {
    assert.equal(only(encodeKvpRecord('€'.repeat(170), '')).keyBytes.length, 510);
    assert.throws(() => encodeKvpRecord('€'.repeat(171), ''), tooLarge({ bytes: 513, limit: 511, limitUnit: 'bytes' }));
    assert.throws(() => encodeKvpRecord('k', '€'.repeat(683)), tooLarge({ bytes: 2049, limit: 2047 }));
  });

  it('let any text that fits come back as it was', () => {
    const fits = (most: number) => fc.string({ unit: 'grapheme', minLength: 1, maxLength: most });
    fc.assert(
      fc.property(fits(40), fits(200), (key, value) => {
        fc.pre(!`${key}${value}`.includes('\0') && value.length <= 1022 && Buffer.byteLength(value) <= 2047);
        fc.pre(key.length <= 254 && Buffer.byteLength(key) <= 511);
        assert.deepEqual(text(only(encodeKvpRecord(key, value))), [key, value]);
      }),
    );
  });
});

describe('a text that no record can hold', () => {
  for (const [what, key, value] of [
    ['a NUL in a key', 'a\0b', 'v'],
    ['a NUL in a value', 'k', 'a\0b'],
    ['half a surrogate pair in a key', 'a\ud83d', 'v'],
    ['half a surrogate pair in a value', 'k', '\ude00b'],
    ['an empty key', '', 'v'],
  ] as const) {
    it(`is refused: ${what}`, () => {
      assert.throws(() => encodeKvpRecord(key, value), { code: 'ERR_INVALID_ARG_VALUE' });
    });
  }

  it('is refused: no text', () => {
    assert.throws(() => encodeKvpRecord('k', 5 as never), { code: 'ERR_INVALID_ARG_TYPE' });
  });
});
