// SPDX-License-Identifier: MIT
// Proves that the vm tier's counts are exact and that no broken run passes for a good one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tallyOf } from '../../vm/outcomes.js';

const fileOf = (suite: string): string => `/app/dist-test/vm/suites/${suite}.test.js`;
const line = (outcome: string, name: string, suite = 'bus'): string =>
  JSON.stringify({ outcome, name, file: fileOf(suite) });
const END = JSON.stringify({ outcome: 'end', file: fileOf('bus') });
const report = (...lines: string[]): string => `${lines.join('\n')}\n`;

test('a complete run is counted as it was', () => {
  const tally = tallyOf(
    report(line('passed', 'a'), line('failed', 'b'), line('skipped', 'c'), line('passed', 'd'), END),
    ['bus'],
    1,
  );

  assert.deepEqual(tally, { passed: 2, failed: 1, skipped: 1, complaints: [] });
});

test('a suite that broke off has failed, even if all its tests passed', () => {
  const tally = tallyOf(report(line('passed', 'a', 'channel'), line('passed', 'b'), END), ['channel', 'bus'], 0);

  assert.deepEqual(tally, { passed: 2, failed: 1, skipped: 0, complaints: ['channel broke off'] });
});

test('a suite without any test has failed', () => {
  const tally = tallyOf(report(line('passed', 'a'), END), ['bus', 'channel'], 0);

  assert.deepEqual(tally, { passed: 1, failed: 1, skipped: 0, complaints: ['channel ran no test'] });
});

test('a bad exit status without a failed test is a failure', () => {
  const tally = tallyOf(report(line('passed', 'a'), END), ['bus'], 7);

  assert.deepEqual(tally, {
    passed: 1,
    failed: 1,
    skipped: 0,
    complaints: ["a suite's node ended with 7, though no test failed"],
  });
});

test('a run that told nothing has failed for every suite', () => {
  assert.deepEqual(tallyOf('', ['bus', 'channel'], 1).complaints, ['bus ran no test', 'channel ran no test']);
});

test('a line that was cut off by the end of the guest does not hide the rest', () => {
  const cut = `${line('passed', 'a')}\n${line('passed', 'b').slice(0, 20)}`;

  assert.deepEqual(tallyOf(cut, ['bus'], 1), { passed: 1, failed: 1, skipped: 0, complaints: ['bus broke off'] });
});
