// SPDX-License-Identifier: MIT
//
// Heartbeat, shutdown and time in a script's hands, in the place of a real kernel's hv_utils: bound to uio_hv_generic and served.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { heartbeat, shutdown, timesync } from '../../../dist/host/index.js';
import { projectFiles } from '../guest-project.js';
import { KERNELS_WITH_SLOW_UIO } from '../suites.js';
import { assertContent, bootWorld, endWorld, type HostWorld, kernel } from './host-world.js';
import { linesOf } from './support/guest-lines.js';

const patient = { timeoutMs: 120_000 };
const takesSlow = KERNELS_WITH_SLOW_UIO.includes(kernel);
const beat = heartbeat({ intervalMs: 500 });
const power = shutdown();
const clock = timesync({ sampleIntervalMs: 500 });

let world: HostWorld;
before(async () => {
  world = await bootWorld({ devices: [beat, power, clock], modules: ['hv_utils', 'uio_hv_generic'], node: true });
  await world.machine.put(await projectFiles());
});
after(async () => endWorld(world));

/** The program in the guest, step by step. */
function start() {
  const guest = world.machine.start('cd /app && exec node dist-test/vm/hosted/programs/lifecycle.js');
  const { find } = linesOf(guest);
  return { saw: (step: string) => find((line) => line.step === step), ended: guest.ended };
}

describe('services that a script takes from the kernel', {
  skip: !takesSlow && 'this kernel refuses channels without a monitor',
}, () => {
  let program: ReturnType<typeof start>;

  it('were the kernel’s before', async () => {
    await beat.ready(patient);
    assert.equal(beat.health, 'unknown');
    assert.equal(beat.counts.lost, 0);
  });

  it('are answered: the host sees a healthy guest, and the guest the host’s time', async () => {
    program = start();
    await program.saw('serving');
    const { isPlausible, offsetMs } = await program.saw('time');
    assert.equal(isPlausible, true);
    assert.ok(Math.abs(Number(offsetMs)) < 60_000, `${offsetMs} ms`);
    await beat.ready(patient);
    for await (const event of beat.events({ signal: AbortSignal.timeout(60_000) })) {
      if (event.kind === 'beat' && event.health === 'healthy') break;
    }
    assert.equal(beat.health, 'healthy');
  });

  it('may refuse a shutdown, and the guest goes on', async () => {
    assert.equal(await power.restart(patient), 0x8007_04f7);
    assert.equal((await program.saw('asked')).way, 'restart');
    const { source, way, isRefused } = await program.saw('news');
    assert.deepEqual([source, way, isRefused], ['host', 'restart', true]);
    await world.machine.must('true');
  });

  it('notice that the clock was set', async () => {
    await world.machine.must('date -s "$(date -d @$(($(date +%s) + 3600)) "+%Y-%m-%d %H:%M:%S")"');
    const { kind, jumpMs } = await program.saw('news');
    assert.equal(kind, 'time-jump');
    assert.ok(Math.abs(Number(jumpMs) - 3_600_000) < 60_000, `${jumpMs} ms`);
  });

  it('made neither the kernel nor the host complain', () => assertContent(world));

  it('drain before they let the host switch the guest off', async () => {
    assert.equal(await power.shutdown(patient), 0);
    assert.equal((await program.saw('drained')).text, 'drained');
    assert.equal((await program.saw('accepted')).way, 'power-off');
    assert.match(await world.machine.ended, /ended with 0/);
  });
});
