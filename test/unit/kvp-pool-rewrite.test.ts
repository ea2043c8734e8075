// SPDX-License-Identifier: MIT
//
// A rewrite of a pool file that ends anywhere, also in the middle of a write: no key is lost, none has a torn value.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeKvpPool, encodeKvpRecord } from '../../dist/protocol/kvp-pool.js';
import { PoolModel } from '../../dist/services/kvp/pool-model.js';
import { planRewrite, type RewriteStep } from '../../dist/services/kvp/rewrite-plan.js';

const file = (...entries: readonly (readonly [string, string])[]): Buffer =>
  Buffer.concat(entries.map(([key, value]) => encodeKvpRecord(key, value)));

/** What the daemon finds: the first whole record with a key. */
function found(bytes: Uint8Array): Map<string, string> {
  const map = new Map<string, string>();
  for (const { key, value } of decodeKvpPool(bytes).records)
    if (key !== null && key !== '' && !map.has(key)) map.set(key, value ?? '(torn)');
  return map;
}

/** The file after a step, or after the first bytes of it. */
function after(bytes: Uint8Array, step: RewriteStep, written?: number): Buffer {
  if (step.kind === 'truncate') {
    const cut = Buffer.alloc(step.sizeBytes);
    Buffer.from(bytes).copy(cut);
    return cut;
  }
  const piece = step.bytes.subarray(0, written);
  const grown = Buffer.alloc(Math.max(bytes.length, step.offset + piece.length));
  Buffer.from(bytes).copy(grown);
  grown.set(piece, step.offset);
  return grown;
}

/** Every state that a kill can leave: between steps, and at these places inside a write. */
function* crashes(start: Uint8Array, steps: readonly RewriteStep[]): Generator<Buffer> {
  let now: Buffer = Buffer.from(start);
  yield now;
  for (const step of steps) {
    const length = step.kind === 'write' ? step.bytes.length : 0;
    for (const cut of [1, 5, 511, 512, 530, 1500, 2559, 2561, length - 1]) {
      if (cut > 0 && cut < length) yield after(now, step, cut);
    }
    now = after(now, step);
    yield now;
  }
}

function check(start: Uint8Array, model: PoolModel): void {
  const steps = planRewrite(start, model.next);
  const wanted = Buffer.concat(model.next.map(({ bytes }) => bytes));
  const [old, next] = [found(start), found(wanted)];
  let last: Buffer = Buffer.from(start);
  for (const crash of crashes(start, steps)) {
    const now = found(crash);
    for (const [key, value] of now) {
      const allowed = [old.get(key), next.get(key)];
      assert.ok(allowed.includes(value), `${key} has a value that it never had: ${value.slice(0, 40)}`);
    }
    for (const key of old.keys()) if (next.has(key)) assert.ok(now.has(key), `${key} is lost`);
    last = crash;
  }
  assert.equal(Buffer.compare(last, wanted), 0, 'the steps end in another file than was wanted');
}

type Change = readonly ['set', number, number] | readonly ['delete', number] | readonly ['clear'];
const key = fc.nat(7);
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('set' as const), key, fc.nat(5)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('delete' as const), key) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('clear' as const)) },
);
const textOf = (n: number): string => `${n}`.repeat(n * 200);

function apply(model: PoolModel, changes: readonly Change[]): void {
  for (const [what, place, value] of changes) {
    if (what === 'set') model.set(`k${place}`, textOf(value ?? 0));
    else if (what === 'delete') model.delete(`k${place}`);
    else model.clear();
  }
}

describe('a rewrite that ends anywhere', () => {
  it('loses no key and tears no value', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(key, fc.nat(5)), { maxLength: 8 }),
        fc.array(change, { maxLength: 6 }),
        fc.nat(2559),
        (entries, changes, tail) => {
          // Doubles of a key and a torn tail among them, as other writers leave them.
          const records = file(...entries.map(([k, v]) => [`k${k}`, textOf(v)] as const));
          const start = Buffer.concat([records, Buffer.alloc(tail, 0x61)]);
          const model = new PoolModel(start);
          apply(model, changes);
          check(start, model);
        },
      ),
      { numRuns: 400, includeErrorInReport: true },
    );
  });

  it('can be followed by another, from whatever the first one left', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(key, { minLength: 1, maxLength: 6 }),
        fc.array(change, { maxLength: 4 }),
        fc.nat(10_000),
        fc.array(change, { maxLength: 4 }),
        (keys, first, at, second) => {
          const start = file(...keys.map((k) => [`k${k}`, textOf(1)] as const));
          const model = new PoolModel(start);
          apply(model, first);
          const left = [...crashes(start, planRewrite(start, model.next))];
          const crash = left[at % left.length] ?? start;
          const again = new PoolModel(crash);
          apply(again, second);
          check(crash, again);
        },
      ),
      { numRuns: 400, includeErrorInReport: true },
    );
  });

  it('leaves the bytes alone that it was planned from', () => {
    const start = file(['a', '1'], ['b', '2']);
    const before = Buffer.from(start);
    const model = new PoolModel(start);
    model.set('a', '3');
    model.delete('b');
    planRewrite(start, model.next);

    assert.equal(Buffer.compare(start, before), 0);
  });
});

describe('a rewrite', () => {
  it('writes nothing where nothing changed', () => {
    const start = file(['a', '1'], ['b', '2']);
    const model = new PoolModel(start);
    model.set('a', '1');

    assert.equal(model.isChanged, false);
    assert.deepEqual(planRewrite(start, model.next), []);
  });

  it('only appends where a key is new', () => {
    const start = file(['a', '1']);
    const model = new PoolModel(start);
    model.set('b', '2');

    assert.deepEqual(
      planRewrite(start, model.next).map((step) => [step.kind, step.kind === 'write' ? step.offset : step.sizeBytes]),
      [['write', 2560]],
    );
  });

  it('keeps the stale bytes of the records that it does not change', () => {
    const start = file(['a', '1'], ['b', '2'], ['c', '3']);
    start.fill(0x55, 2560 * 2 + 10, 2560 * 2 + 500);
    const model = new PoolModel(start);
    model.delete('a');

    const next = Buffer.concat(model.next.map(({ bytes }) => bytes));
    assert.equal(Buffer.compare(next, start.subarray(2560)), 0);
    check(start, model);
  });

  it('takes away what a writer left that died: doubles of equal content, and records without a key', () => {
    const start = file(['a', '1'], ['b', '2'], ['a', '1']);
    start[2560] = 0;
    const model = new PoolModel(start);
    model.set('c', '3');

    assert.equal(model.leftovers, 2);
    assert.deepEqual(
      [...found(Buffer.concat(model.next.map(({ bytes }) => bytes)))],
      [
        ['a', '1'],
        ['c', '3'],
      ],
    );
  });

  it('makes one record of several with the key', () => {
    const start = file(['a', 'first'], ['b', '2'], ['a', 'second']);
    const model = new PoolModel(start);
    assert.equal(model.get('a'), 'first');
    model.set('a', 'third');

    assert.deepEqual(
      model.entries().map(({ key, value }) => [key, value]),
      [
        ['a', 'third'],
        ['b', '2'],
      ],
    );
    assert.equal(model.next.length, 2);
    assert.deepEqual([...model.merged], ['a']);
    check(start, model);
  });

  it('deletes every record with the key', () => {
    const model = new PoolModel(file(['a', 'first'], ['b', '2'], ['a', 'second']));

    assert.equal(model.delete('a'), true);
    assert.equal(model.delete('a'), false);
    assert.deepEqual([...model.deleted], [['a', 2]]);
    assert.equal(model.next.length, 1);
  });
});
