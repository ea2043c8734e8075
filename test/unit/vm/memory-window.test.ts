// SPDX-License-Identifier: MIT
// Proves the bytes that tell a guest of its bus's memory window.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { windowParameters, windowTable } from '../../vm/lab/hosted/memory-window.js';

test('the table describes the end of the memory, as Linux has read it', () => {
  const golden = [
    '10 3f 5c 5f53425f', // Scope (\_SB)
    '08 5f435253 11 33 0a 30', // Name (_CRS, Buffer (48)
    '8a 2b00 00 0c 01', // QWord memory, passed on, both ends fixed, writable
    '0000000000000000 0000001e00000000 ffffff1f00000000 0000000000000000 0000000200000000',
    '7900',
  ].join('');

  assert.equal(windowTable(512, 32).toString('hex'), golden.replaceAll(' ', ''));
});

test('the kernel uses what is below', () => {
  assert.equal(windowParameters(512, 64), 'mem=448M');
  assert.throws(() => windowParameters(512, 32), /multiple of 64 MiB, not at 480/);
});
