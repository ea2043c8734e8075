// SPDX-License-Identifier: MIT
// Proves which boots a run of the vm tier consists of.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Boot, flavourOf, planBoots, type Selection } from '../../vm/plan.js';
import type { Suite } from '../../vm/suites.js';

const SUITES: readonly Suite[] = [
  { name: 'bus', kernels: ['6.1', '6.12', '7'], boot: 'shared', size: 'quick' },
  { name: 'channel', kernels: ['6.12', '7'], boot: 'shared', size: 'quick' },
  { name: 'crash', kernels: ['7'], boot: 'own', size: 'quick' },
  { name: 'stress', kernels: ['7'], boot: 'shared', size: 'full' },
  { name: 'patience', kernels: ['6.12'], boot: 'own', size: 'quick', slow: true },
  { name: 'disks', kernels: ['6.1'], boot: 'hosted', size: 'quick', generic: ['6.1', '7'] },
];
const EVERYTHING: Selection = { kernels: ['6.1', '6.12', '7'], size: 'quick', slow: false, only: [] };

const named = (boots: readonly Boot[]): string[] =>
  boots.map(({ kernel, suites }) => `${kernel}: ${suites.map(({ name }) => name).join(' ')}`);

test('suites that share a guest share one boot per kernel, others get their own', () => {
  assert.deepEqual(named(planBoots(SUITES, EVERYTHING)), [
    '6.1: bus',
    '6.1: disks',
    '6.12: bus channel',
    '7: bus channel',
    '7: crash',
  ]);
});

test('big suites run only when all is asked for', () => {
  const boots = planBoots(SUITES, { ...EVERYTHING, kernels: ['7'], size: 'full' });

  assert.deepEqual(named(boots), ['7: bus channel stress', '7: crash']);
});

test('slow suites run only when patience is asked for', () => {
  const boots = planBoots(SUITES, { ...EVERYTHING, kernels: ['6.12'], slow: true });

  assert.deepEqual(named(boots), ['6.12: bus channel', '6.12: patience']);
});

test('only suites on our own host run when they are asked for', () => {
  assert.deepEqual(named(planBoots(SUITES, { ...EVERYTHING, hosted: true })), ['6.1: disks']);
});

test('a suite that is asked for by name runs whatever its size, on the kernels it is for', () => {
  assert.deepEqual(named(planBoots(SUITES, { ...EVERYTHING, only: ['stress', 'patience'] })), [
    '6.12: patience',
    '7: stress',
  ]);
});

test('a name that no suite has is refused, with the names there are', () => {
  assert.throws(
    () => planBoots(SUITES, { ...EVERYTHING, only: ['bsu'] }),
    /no such suite: bsu; there are bus, channel, crash/,
  );
});

test('a boot gets the big flavour of its kernel only where its suite needs it', () => {
  const boots = planBoots(SUITES, { ...EVERYTHING, kernels: ['6.1'] });

  assert.deepEqual(boots.map(flavourOf), ['cloud', 'generic']);
});
