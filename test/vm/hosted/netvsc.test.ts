// SPDX-License-Identifier: MIT
//
// Our guest side of the network card, over the kernel's uio_hv_generic, on our switch, with the kernel's own hv_netvsc on a
// second card as the other station. Then the card goes back to hv_netvsc, and works.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { projectFiles } from '../guest-project.js';
import { assertContent, bootWorld, endWorld, type HostWorld, isFullSize } from './host-world.js';
import { bringUp, inNamespace, lan, lentCard, neighbour } from './lan.js';
import { linesOf } from './support/guest-lines.js';
import { pingWithoutLoss } from './support/ping.js';

const pings = isFullSize ? 200 : 20;
const frames = isFullSize ? 20_000 : 1000;
const ours = '10.9.9.7';

const { right } = lan({ queues: 2 });
const left = lentCard(right.provider.network, 2);
const { instance, provider } = left;

let world: HostWorld;
before(async () => {
  world = await bootWorld({
    devices: [provider, right.provider],
    modules: ['hv_netvsc', 'uio_hv_generic'],
    node: true,
  });
  await world.machine.put(await projectFiles());
  await bringUp(world, right);
});
after(async () => endWorld(world));

/** The program in the guest, line by line. */
function start(...args: readonly (string | number)[]) {
  const guest = world.machine.start(`cd /app && exec node dist-test/vm/hosted/programs/net.js ${args.join(' ')}`);
  return { ...linesOf(guest), ended: guest.ended, write: (text: string) => guest.write(text) };
}

describe('our side of the network card', () => {
  it(`pings our neighbour and the kernel's card ${pings} times each, and gives the card back`, async () => {
    const program = start('ping', instance, `${ours}/24`, pings, neighbour, right.address);
    const { up, version, kernel } = await program.next();
    assert.deepEqual([up, version, kernel], [left.mac, '6.1', 'hv_netvsc']);
    assert.deepEqual(await program.next(), { target: neighbour, answers: pings });
    assert.deepEqual(await program.next(), { target: right.address, answers: pings });
    assert.deepEqual(await program.next(), { malformed: 0 });
    assert.deepEqual(await program.next(), { given: 'hv_netvsc' });
    assert.equal(await program.ended, 0, program.errors());
  });

  it('answers the pings of the kernel', async () => {
    const program = start('stand', instance, `${ours}/24`);
    await program.next((line) => line.stands === ours);
    await pingWithoutLoss(world, { from: inNamespace(right), to: ours, count: pings });
    program.write('end\n');
    await program.next((line) => line.given === 'hv_netvsc');
    assert.equal(await program.ended, 0, program.errors());
  });

  it('uses as many queues as there are processors', async () => {
    const before = provider.statistics.sent.frames;
    const program = start('queues', instance, 2, frames);
    assert.equal((await program.next()).queues, 2);
    const { framesOut, malformed, stray, sent } = await program.next();
    assert.deepEqual([framesOut, malformed, stray], [frames, 0, 0]);
    assert.ok(
      (sent as number[]).every((count) => count > 0),
      String(sent),
    );
    await program.next((line) => line.given === 'hv_netvsc');
    assert.equal(await program.ended, 0, program.errors());
    assert.ok(provider.statistics.sent.frames - before >= frames);
  });

  it('leaves a card that the kernel drives as before', async () => {
    await bringUp(world, left);
    await pingWithoutLoss(world, { from: inNamespace(left), to: right.address, count: pings });
    await world.machine.must('ip -n left link set eth down && ip -n left link set eth netns 1 && ip netns del left');
  });

  it('hears that the device is withdrawn', async () => {
    const program = start('read', instance);
    await program.next((line) => line.up === left.mac);
    world.host.rescind('left');
    assert.deepEqual(await program.next(), { code: 'ERR_VMBUS_RESCINDED', by: 'rescind' });
    assert.equal(await program.ended, 0, program.errors());
  });

  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});
