// SPDX-License-Identifier: MIT
//
// A guest at work whose emulated machine is paused again and again: it must not notice. Once it got interrupts twice then, and
// hung at a lock of its own or died (emulator/vmrun.c).

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { heartbeat } from '../../../dist/host/index.js';
import { assertContent, bootWorld, endWorld, type HostWorld } from './host-world.js';

const ROUNDS = 400;
/** Pauses are as far apart as that, or less: they come anywhere between two interrupts of the guest. */
const MOST_APART_MS = 10;

let world: HostWorld;

before(async () => {
  world = await bootWorld({ devices: [heartbeat()] });
});
after(async () => endWorld(world));

describe('a guest whose machine is paused again and again', () => {
  it('works on', { timeout: 240_000 }, async () => {
    const { machine } = world;
    // One waits for a timer most of the time, one never waits.
    for (const work of ['while :; do sleep 0.003; done', 'while :; do :; done']) machine.start(work).write();
    for (let round = 0; round < ROUNDS; round++) {
      await machine.pauseOnce();
      await pause(Math.random() * MOST_APART_MS);
    }
    assert.equal(await machine.must('echo alive'), 'alive');
  });

  it('has made neither the kernel nor the host complain', () => assertContent(world));
});
