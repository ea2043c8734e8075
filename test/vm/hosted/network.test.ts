// SPDX-License-Identifier: MIT
//
// The kernel's own hv_netvsc on our host: two cards in two network namespaces, joined by our switch, and our neighbour.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { assertContent, bootWorld, endWorld, type HostWorld, isFullSize } from './host-world.js';
import { bringUp, inNamespace, lan, neighbour } from './lan.js';
import { pingWithoutLoss } from './support/ping.js';
import { carryOverTcp } from './support/tcp-carry.js';

const pings = isFullSize ? 1000 : 100;
const mebibytes = isFullSize ? 256 : 16;
/** Each frame crosses two layers of emulation: long ones save hours. */
const mtu = 9000;

const { left, right, card } = lan({ queues: 2, mtu });

let world: HostWorld;
before(async () => {
  world = await bootWorld({ devices: [left.provider, right.provider], modules: ['hv_netvsc'] });
  await bringUp(world, left);
  await bringUp(world, right);
});
after(async () => endWorld(world));

const sh = async (command: string): Promise<string> => (await world.machine.must(command)).trim();
const inLeft = (command: string): Promise<string> => sh(`ip netns exec left ${command}`);

describe('hv_netvsc', () => {
  it('pings our neighbour', async () => {
    assert.match(await inLeft(`ping -c 3 -W 20 ${neighbour}`), / 3 received/);
  });

  it('pings across the switch without loss', async () => {
    await pingWithoutLoss(world, { from: inNamespace(left), to: right.address, count: pings });
  });

  it('sees the cable go and come', async () => {
    left.provider.disconnect();
    await sh('until [ "$(ip netns exec left cat /sys/class/net/eth/carrier)" = 0 ]; do sleep 0.1; done');
    left.provider.connect();
    await sh('until [ "$(ip netns exec left cat /sys/class/net/eth/carrier)" = 1 ]; do sleep 0.1; done');
    assert.match(await inLeft(`ping -c 1 -W 20 ${right.address}`), / 1 received/);
  });

  it('changes its MTU, and frames are that long', async () => {
    for (const { name } of [left, right]) await sh(`ip -n ${name} link set eth mtu ${mtu}`);
    const headers = 20 + 8;
    assert.match(await inLeft(`ping -c 1 -W 20 -M do -s ${mtu - headers} ${right.address}`), / 1 received/);
    const tooLong = await world.machine.run(`ip netns exec left ping -c 1 -M do -s ${mtu} ${right.address}`);
    assert.notEqual(tooLong.status, 0);
  });

  for (const [from, to] of [
    [left, right],
    [right, left],
  ] as const) {
    it(`carries ${mebibytes} MiB over TCP from ${from.name} to ${to.name}`, async () => {
      const before = from.provider.statistics.sent.bytes;
      await carryOverTcp(world, { from: inNamespace(from), to: inNamespace(to), mebibytes });
      assert.ok(from.provider.statistics.sent.bytes - before >= mebibytes * 1024 * 1024);
    });
  }
});

describe('a card that comes and goes', () => {
  it('is brought up and taken away under traffic, and the others go on', async () => {
    const late = card('late', 3);
    world.host.add(late.provider);
    await bringUp(world, late);
    const traffic = world.machine.start(`ip netns exec left ping -i 0.01 ${late.address}`);
    let replies = 0;
    for await (const chunk of traffic.stdout) {
      replies += String(chunk).split('bytes from').length - 1;
      if (replies >= 50) break;
    }
    world.host.rescind('late');
    await sh('while ip netns exec late test -e /sys/class/net/eth; do sleep 0.1; done');
    traffic.kill('SIGKILL');
    await traffic.ended;
    await pingWithoutLoss(world, { from: inNamespace(left), to: right.address, count: 3 });
  });
});

describe('the whole machine', () => {
  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});
