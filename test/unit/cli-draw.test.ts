// SPDX-License-Identifier: MIT
//
// Pictures made of characters: bars, sparklines, charts and histograms, in Unicode and in ASCII.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bar, progress, sparkline } from '../../dist/cli/draw/bar.js';
import { ceiling, chart, resample } from '../../dist/cli/draw/chart.js';
import { glyphsFor } from '../../dist/cli/draw/glyphs.js';
import { bins, histogram, percentile } from '../../dist/cli/draw/histogram.js';

const unicode = glyphsFor(true);
const ascii = glyphsFor(false);

test('a bar has eighths of a cell in Unicode and whole cells in ASCII', () => {
  assert.equal(bar(0.5, 4, unicode), '██');
  assert.equal(bar(0.53125, 4, unicode), '██▏');
  assert.equal(bar(1, 4, unicode), '████');
  assert.equal(bar(0.5, 4, ascii), '##');
});

test('a bar of anything above nothing shows, and a bar of nothing does not', () => {
  assert.equal(bar(1e-9, 4, unicode), '▏');
  assert.equal(bar(1e-9, 4, ascii), '#');
  assert.equal(bar(0, 4, unicode), '');
  assert.equal(bar(Number.NaN, 4, unicode), '');
  assert.equal(bar(7, 4, unicode), '████');
});

test('a progress line is as wide as it was asked to be, whatever the fraction', () => {
  for (const fraction of [-1, 0, 0.004, 0.5, 0.999, 1, 3, Number.NaN]) {
    const { done, open } = progress(fraction, 20, unicode);
    assert.equal([...done, ...open].length, 20, `at ${fraction}`);
  }
  assert.equal(progress(1, 3, ascii).done, '===');
});

test('a sparkline scales to its highest value', () => {
  assert.equal(sparkline([0, 1, 4, 8], unicode), ' ▁▄█');
  assert.equal(sparkline([0, 0], unicode), '  ');
  assert.equal(sparkline([1, 3], ascii), '.|');
});

test('resampling keeps the average and repeats values when there are too few', () => {
  assert.deepEqual(resample([1, 3, 5, 7], 2), [2, 6]);
  assert.deepEqual(resample([5], 3), [5, 5, 5]);
  assert.deepEqual(resample([], 2), [0, 0]);
});

test('an axis ends at a round number that is not below the highest value', () => {
  assert.deepEqual([0, 0.7, 11, 16, 940, 1_000_000].map(ceiling), [1, 0.8, 15, 20, 1000, 1_000_000]);
});

test('a Unicode chart draws a ramp in braille with its axes', () => {
  const lines = chart([0, 1, 2, 3, 4, 5, 6, 8], {
    columns: 4,
    rows: 2,
    glyphs: unicode,
    label: String,
    from: '0',
    to: '1 s',
  });

  assert.deepEqual(lines, ['8 ┤⠀⠀⢀⣼', '4 ┤⢀⣴⣿⣿', '0 └────', '   0 1 s']);
});

test('an ASCII chart draws the same ramp with one column a cell', () => {
  const lines = chart([0, 4, 6, 8], { columns: 4, rows: 2, glyphs: ascii, label: String, from: '0', to: 't' });

  assert.deepEqual(lines, ['8 +  .#', '4 + ###', '0 +----', '   0  t']);
});

test('a percentile is the value that so many of the sorted values do not exceed', () => {
  const sorted = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  assert.equal(percentile(sorted, 0.5), 5);
  assert.equal(percentile(sorted, 0.99), 10);
  assert.equal(percentile(sorted, 0), 1);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test('the classes of a histogram hold every value once, and the last one reaches to the largest', () => {
  const values = [10, 10, 11, 12, 13, 20, 40, 5000];

  const found = bins(values, 5);

  assert.equal(
    found.reduce((sum, { count }) => sum + count, 0),
    values.length,
  );
  assert.equal(found[0]?.from, 10);
  assert.equal(found.at(-1)?.to, 5000);
});

test('equal values make one class that holds them all', () => {
  const found = bins([7, 7, 7], 3);

  assert.equal(found[0]?.count, 3);
});

test('a histogram of nothing has no lines', () => {
  assert.deepEqual(histogram(bins([], 4), { width: 10, glyphs: unicode, label: String }), []);
});

test('a histogram shows the lower end, the bar and the count of each class', () => {
  const found = [
    { from: 1, to: 2, count: 4 },
    { from: 2, to: 4, count: 0 },
    { from: 4, to: 8, count: 2 },
  ];

  const lines = histogram(found, { width: 4, glyphs: ascii, label: (us) => `${us} us` });

  assert.deepEqual(lines, ['1 us |#### 4', '2 us |', '4 us |## 2']);
});
