// SPDX-License-Identifier: MIT
//
// A guest that restarts on our host's word: the same host serves its second boot.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { heartbeat, shutdown } from '../../../dist/host/index.js';
import { encodeFrame, Order } from '../../../dist/host/qemu/frames.js';
import { assertContent, bootWorld, endWorld, type HostWorld } from './host-world.js';

const patient = { timeoutMs: 300_000 };

const beat = heartbeat();
const power = shutdown();

let world: HostWorld;
before(async () => {
  world = await bootWorld({ devices: [beat, power], modules: ['hv_utils'], noReboot: false });
});
after(async () => endWorld(world));

/** A signal for a channel that there is none of, which guests pass over: to processor 0, on the bus's interrupt line. */
const signal = encodeFrame(Order.flag, 0, new Uint8Array(new Uint32Array([0, 2, 0]).buffer));

describe('a restart that the host asks for', () => {
  it('brings a second boot, which the same host serves', async () => {
    await beat.ready(patient);
    const first = await world.machine.must('cat /proc/sys/kernel/random/boot_id');
    const restarted = world.machine.waitForRestart();
    await power.restart(patient);
    // What is signalled to a machine that just starts is lost. Its interrupts must not be, once it has switched them on.
    const signals = setInterval(() => world.machine.link.write(signal), 20);
    await restarted.finally(() => clearInterval(signals));
    assert.notEqual(await world.machine.must('cat /proc/sys/kernel/random/boot_id'), first);
    await beat.ready(patient);
    assert.equal(beat.hasContact, true);
  });
});

describe('the whole machine', () => {
  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});
