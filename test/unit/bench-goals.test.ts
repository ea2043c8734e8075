// SPDX-License-Identifier: MIT
//
// The figures that the bench promises: medians, ratios of rounds, verdicts, and changes against an earlier result.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { budget } from '../../bench/budget.mjs';
import { changes } from '../../bench/compare.mjs';
import { judge } from '../../bench/goals.mjs';
import { median, ratio, spread } from '../../bench/statistics.mjs';

const row = (name: string, size: number, rounds: number[]) => ({
  name,
  unit: 'ns/packet',
  bySize: { [size]: median(rounds) },
  rounds: { [size]: rounds },
});

describe('statistics of rounds', () => {
  it('takes the middle and the quarters, in whatever order the rounds came', () => {
    assert.deepEqual(spread([5, 1, 4, 2, 3]), { median: 3, low: 2, high: 4 });
    assert.equal(median([7]), 7);
    assert.ok(Number.isNaN(median([])));
  });

  it('compares round by round, so that what slows a round down for both changes nothing', () => {
    assert.deepEqual(ratio([20, 200, 24], [10, 100, 12]), { median: 2, low: 2, high: 2, best: 2 });
  });

  it('also compares the quickest rounds, wherever they were', () => {
    assert.equal(ratio([30, 20, 90], [10, 30, 40]).best, 2);
  });
});

describe('verdicts', () => {
  const promises = [{ row: 'ours', against: 'theirs', least: { 64: 2, 1024: 1 } }];

  it('meets a promise within 5 % of its figure and no further', () => {
    const theirs = row('theirs', 64, [190, 190, 190]);
    const near = judge([row('ours', 64, [100, 100, 100]), theirs], { promises, bounds: [] });
    assert.deepEqual(
      near.map(({ key, figure, goal, met }) => ({ key, figure, goal, met })),
      [{ key: '64', figure: 1.9, goal: 2, met: true }],
    );
    const [far] = judge([row('ours', 64, [101, 101, 101]), theirs], { promises, bounds: [] });
    assert.equal(far?.met, false);
  });

  it('says nothing about what was not measured', () => {
    const alone = [row('ours', 64, [1]), { name: 'theirs', note: 'anchor not installed' }];
    assert.deepEqual(judge(alone, { promises, bounds: [] }), []);
  });

  it('has no tolerance for a bound', () => {
    const bounds = [{ row: 'heap', most: { bytes: 0 }, unit: 'bytes/packet' }];
    const verdict = (bytes: number) => judge([{ name: 'heap', values: { bytes } }], { promises: [], bounds })[0]?.met;
    assert.equal(verdict(0), true);
    assert.equal(verdict(0.01), false);
  });
});

describe('budget of a packet', () => {
  const of = [
    { step: 'first', row: 'core', over: null },
    { step: 'second', row: 'drain', over: 'core' },
    { step: 'third', row: 'not measured', over: 'drain' },
  ];

  it('is what a row adds to the one below it, round by round', () => {
    const rows = [row('core', 64, [5, 50, 6]), row('drain', 64, [8, 53, 9])];
    assert.deepEqual(budget(rows, { of }), [
      { step: 'first', bySize: { 64: { median: 6, low: 5, high: 50 } } },
      { step: 'second', bySize: { 64: { median: 3, low: 3, high: 3 } } },
    ]);
  });

  it('leaves a step out whose lower row was not measured', () => {
    assert.deepEqual(budget([row('drain', 64, [8])], { of }), []);
  });
});

describe('changes against an earlier result', () => {
  it('is clear only where the middle halves of the rounds do not touch', () => {
    const before = { rows: [row('a', 64, [10, 11, 12]), row('b', 64, [10, 11, 12]), row('gone', 64, [1])] };
    const after = { rows: [row('a', 64, [20, 22, 24]), row('b', 64, [11, 12, 13]), row('new', 64, [1])] };
    assert.deepEqual(
      changes(before, after).map(({ name, percent, isClear }) => ({ name, percent: Math.round(percent), isClear })),
      [
        { name: 'a', percent: 100, isClear: true },
        { name: 'b', percent: 9, isClear: false },
      ],
    );
  });

  it('takes figures of a result without rounds as they are', () => {
    const [change] = changes(
      { rows: [{ name: 'trips', values: { p50: 20 } }] },
      { rows: [{ name: 'trips', values: { p50: 10 } }] },
    );
    assert.deepEqual([change?.before, change?.after, change?.isClear], [20, 10, true]);
  });
});
