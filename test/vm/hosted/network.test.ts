// SPDX-License-Identifier: MIT
//
// The kernel's own hv_netvsc on our host: two cards in two network namespaces, joined by our switch, and our neighbour.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { NetworkSwitch, netvsp, networkPeer } from '../../../dist/host/index.js';
import { assertContent, bootWorld, endWorld, type HostWorld, isFullSize } from './host-world.js';

const pings = isFullSize ? 1000 : 100;
// Each acknowledgement crosses two layers of emulation: a quarter of a mebibyte a second.
const mebibytes = isFullSize ? 256 : 4;
const patient = { timeoutMs: 120_000 };

const lan = new NetworkSwitch();
lan.connect(networkPeer({ address: '10.9.9.1', prefix: 24 }));
const left = netvsp({ switch: lan, name: 'left', queues: 2, mac: '00:15:5d:00:00:01' });
const right = netvsp({ switch: lan, name: 'right', queues: 2, mac: '00:15:5d:00:00:02' });

let world: HostWorld;
before(async () => {
  world = await bootWorld({
    devices: [left, right],
    packages: ['iproute2', 'iputils-ping', 'socat'],
    modules: ['hv_netvsc'],
  });
  await sh('ip netns add left && ip netns add right');
  for (const [name, mac, address] of [
    ['left', '00:15:5d:00:00:01', '10.9.9.11/24'],
    ['right', '00:15:5d:00:00:02', '10.9.9.12/24'],
  ]) {
    await sh(`ip link set $(grep -l ${mac} /sys/class/net/*/address | cut -d/ -f5) netns ${name} name eth`);
    await sh(
      `ip -n ${name} link set lo up && ip -n ${name} addr add ${address} dev eth && ip -n ${name} link set eth up`,
    );
  }
  await Promise.all([left.ready(patient), right.ready(patient)]);
});
after(async () => endWorld(world));

const sh = async (command: string): Promise<string> => (await world.machine.must(command)).trim();

describe('hv_netvsc', () => {
  it('pings our neighbour', async () => {
    assert.match(await sh('ip netns exec left ping -c 3 -W 20 10.9.9.1'), / 3 received/);
  });

  it('pings across the switch without loss', async () => {
    const out = await sh(`ip netns exec left ping -c ${pings} -i 0.01 -W 20 10.9.9.12`);
    assert.match(out, new RegExp(` ${pings} received, 0% packet loss`));
  });

  for (const [from, to, address] of [
    ['left', 'right', '10.9.9.12'],
    ['right', 'left', '10.9.9.11'],
  ] as const) {
    it(`carries ${mebibytes} MiB over TCP from ${from} to ${to}`, async () => {
      await sh(`dd if=/dev/urandom of=/tmp/sent bs=1M count=${mebibytes}`);
      const server = world.machine.run(
        `ip netns exec ${to} socat -u TCP-LISTEN:7000,reuseaddr OPEN:/tmp/got,creat,trunc`,
      );
      await sh(`ip netns exec ${from} socat -u OPEN:/tmp/sent TCP:${address}:7000,retry=20,interval=0.5`);
      assert.equal((await server).status, 0);
      assert.equal(await sh('sha256sum < /tmp/got'), await sh('sha256sum < /tmp/sent'));
      await sh('rm /tmp/got /tmp/sent');
    });
  }

  it('sees the cable go and come', async () => {
    left.disconnect();
    await sh('until [ "$(ip netns exec left cat /sys/class/net/eth/carrier)" = 0 ]; do sleep 0.1; done');
    left.connect();
    await sh('until [ "$(ip netns exec left cat /sys/class/net/eth/carrier)" = 1 ]; do sleep 0.1; done');
    assert.match(await sh('ip netns exec left ping -c 1 -W 20 10.9.9.12'), / 1 received/);
  });

  it('changes its MTU, and still reaches its neighbour', async () => {
    await sh('ip -n left link set eth mtu 1280');
    assert.match(await sh('ip netns exec left ping -c 1 -W 20 10.9.9.12'), / 1 received/);
  });
});

describe('the whole machine', () => {
  it('has made neither the kernel nor the host complain', () => {
    assertContent(world);
  });
});
