// SPDX-License-Identifier: MIT
//
// The small parts of the command: numbers read and written, suggestions, exit statuses, colours, error texts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitCodeFor } from '../../dist/cli/exit-codes.js';
import { describeFailure } from '../../dist/cli/failure.js';
import { bytes, grouped, runs, short, time } from '../../dist/cli/figures.js';
import { duration, hexBytes, integer, names, size } from '../../dist/cli/option-values.js';
import { isUnicode } from '../../dist/cli/output.js';
import { makePaint, wantsColor } from '../../dist/cli/paint.js';
import { findVerb, splitArguments } from '../../dist/cli/program.js';
import { cellWidth, renderTable } from '../../dist/cli/table.js';
import { UsageError } from '../../dist/cli/usage-error.js';
import { VmbusError } from '../../dist/index.js';

test('an integer option takes whole numbers of its range and nothing else', () => {
  const read = integer(1, 100);
  assert.equal(read('1'), 1);
  assert.equal(read('100'), 100);
  for (const wrong of ['0', '101', '-1', '1.5', '1e2', '0x10', '', ' 5', '5 ', 'five', '٣', '99999999999999999999']) {
    assert.throws(() => read(wrong), /whole number from 1 to 100/, `"${wrong}" must not pass`);
  }
});

test('a duration takes a unit, and seconds without one', () => {
  assert.deepEqual(
    ['250ms', '5s', '2m', '1h', '3', '0.5s', '0'].map(duration),
    [250, 5000, 120_000, 3_600_000, 3000, 500, 0],
  );
  for (const wrong of ['', 's', '5 s', '-1s', '1d', '1m30s', 'Infinity', '999999999h'])
    assert.throws(() => duration(wrong), /duration/, wrong);
});

test('a size takes K, M and G, and refuses what no payload can be', () => {
  assert.deepEqual(['0', '64', '4K', '1m'].map(size), [0, 64, 4096, 1_048_576]);
  for (const wrong of ['', '1.5K', '4KB', '-1', '3G', '0x40']) assert.throws(() => size(wrong), /size/, wrong);
});

test('hex bytes may be grouped, and must be whole bytes', () => {
  assert.deepEqual([...hexBytes('0x0A 1b:2c-3d')], [10, 27, 44, 61]);
  assert.deepEqual([...hexBytes('')], []);
  for (const wrong of ['abc', 'zz', '0a1', '0x0x00']) assert.throws(() => hexBytes(wrong), /hex digits/, wrong);
});

test('a list of names needs at least one', () => {
  assert.deepEqual(names('kvp, vss,,net'), ['kvp', 'vss', 'net']);
  assert.throws(() => names(' , '), /names/);
});

test('numbers are written for people', () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(grouped), ['0', '999', '1,000', '1,234,567']);
  assert.equal(grouped(18446744073709551615n), '18,446,744,073,709,551,615');
  assert.deepEqual([0, 950, 9999, 12345, 4.56e6, 2e9].map(short), ['0', '950', '9999', '12.3 k', '4.56 M', '2.00 G']);
  assert.deepEqual(
    [0, 1023, 1024, 1536, 2 ** 21].map((value) => bytes(value)),
    ['0 B', '1023 B', '1 KiB', '1.5 KiB', '2 MiB'],
  );
  assert.deepEqual(
    [0.85, 12.34, 250, 4500, 2.5e6].map((us) => time(us)),
    ['850 ns', '12.3 µs', '250 µs', '4.5 ms', '2.5 s'],
  );
});

test('CPUs are written as runs', () => {
  assert.equal(runs([3, 0, 1, 2, 7, 3]), '0-3,7');
  assert.equal(runs([5]), '5');
  assert.equal(runs([]), '');
});

test('every class of error has its exit status', () => {
  const status = (code: ConstructorParameters<typeof VmbusError>[0], errnoName?: string): number =>
    exitCodeFor(new VmbusError(code, 'x', errnoName ? { errnoName } : {}));

  assert.equal(status('ERR_VMBUS_NOT_A_GUEST'), 3);
  assert.equal(status('ERR_VMBUS_NO_DEVICE'), 3);
  assert.equal(status('ERR_VMBUS_NO_CHANNEL'), 3);
  assert.equal(status('ERR_VMBUS_PERMISSION'), 4);
  assert.equal(status('ERR_VMBUS_IN_USE'), 5);
  assert.equal(status('ERR_VMBUS_BUSY'), 5);
  assert.equal(status('ERR_VMBUS_RESCINDED'), 1);
  assert.equal(status('ERR_VMBUS_SYSTEM', 'EACCES'), 4);
  assert.equal(status('ERR_VMBUS_SYSTEM', 'EBUSY'), 5);
  assert.equal(status('ERR_VMBUS_SYSTEM', 'EIO'), 1);
  assert.equal(exitCodeFor(new UsageError('x')), 2);
  assert.equal(exitCodeFor(Object.assign(new RangeError('x'), { code: 'ERR_OUT_OF_RANGE' })), 2);
  assert.equal(exitCodeFor(Object.assign(new TypeError('x'), { code: 'ERR_INVALID_ARG_VALUE' })), 2);
  assert.equal(exitCodeFor(Object.assign(new Error('x'), { code: 'EACCES' })), 4);
  assert.equal(exitCodeFor(new Error('x')), 1);
  assert.equal(exitCodeFor(undefined), 1);
});

test('a failure names --sim when there is no bus', () => {
  const failure = describeFailure(new VmbusError('ERR_VMBUS_NOT_A_GUEST', 'no bus'));

  assert.equal(failure.code, 'ERR_VMBUS_NOT_A_GUEST');
  assert.match(failure.hint ?? '', /--sim/);
});

test('colour follows the command line, then NO_COLOR, then the terminal', () => {
  assert.equal(wantsColor(undefined, { isTTY: true }, {}), true);
  assert.equal(wantsColor(undefined, { isTTY: false }, {}), false);
  assert.equal(wantsColor(undefined, { isTTY: true }, { NO_COLOR: '1' }), false);
  assert.equal(wantsColor(undefined, { isTTY: true }, { NO_COLOR: '' }), true);
  assert.equal(wantsColor(undefined, { isTTY: true }, { TERM: 'dumb' }), false);
  assert.equal(wantsColor(true, { isTTY: false }, { NO_COLOR: '1' }), true);
  assert.equal(wantsColor(false, { isTTY: true }, {}), false);
  assert.equal(makePaint(false).bad('x'), 'x');
  assert.match(makePaint(true).bad('x'), /^\u001b\[31mx\u001b\[39m$/);
});

test('Unicode is drawn where the locale says UTF-8, in the order of the C library', () => {
  assert.equal(isUnicode({ LANG: 'en_US.UTF-8' }), true);
  assert.equal(isUnicode({ LANG: 'C.utf8' }), true);
  assert.equal(isUnicode({ LANG: 'en_US.UTF-8', LC_ALL: 'C' }), false);
  assert.equal(isUnicode({ LC_CTYPE: 'de_DE.UTF-8' }), true);
  assert.equal(isUnicode({}), false);
});

test('the command after -- is never read as options of ours', () => {
  assert.deepEqual(splitArguments(['bind', 'x', '--', 'ls', '--json']), {
    own: ['bind', 'x'],
    command: ['ls', '--json'],
    hasSeparator: true,
  });
  assert.deepEqual(splitArguments(['ls']), { own: ['ls'], command: [], hasSeparator: false });
});

test('the verb is found behind global options and their values', () => {
  assert.equal(findVerb(['--root', 'ls', '--json', 'info']), 'info');
  assert.equal(findVerb(['--root=/x', 'ls']), 'ls');
  assert.equal(findVerb(['--help']), undefined);
});

test('a table lines its columns up and has no spaces at line ends', () => {
  const text = renderTable(
    [{ title: 'A' }, { title: 'N', align: 'right' }, { title: 'C' }],
    [
      ['x', '1', ''],
      ['longer', '22', 'y'],
    ],
    makePaint(false),
  );

  assert.equal(text, ['A        N  C', 'x        1  -', 'longer  22  y'].join('\n'));
});

test('a table measures coloured and wide text as a terminal shows it', () => {
  const paint = makePaint(true);

  assert.equal(cellWidth(paint.bad('abc')), 3);
  assert.equal(cellWidth('磁盘a'), 5);
  assert.equal(cellWidth('e\u0301'), 1);
  const [head = '', row = ''] = renderTable(
    [{ title: 'A' }, { title: 'B' }],
    [[paint.good('long'), 'x']],
    makePaint(false),
  ).split('\n');
  assert.equal(cellWidth(head), cellWidth(row));
});
