// SPDX-License-Identifier: MIT
//
// The kernel's own hv_netvsc with a channel for each of its processors: every one of them carries frames in both directions.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { assertContent, bootWorld, endWorld, type HostWorld } from './host-world.js';
import { bringUp, lan } from './lan.js';

/** Connections until each channel had its turn: which one a connection gets is a hash's choice. */
const mostConnections = 200;

for (const processors of [2, 4]) {
  describe(`a card in a guest of ${processors} processors`, () => {
    const { left, right } = lan({ queues: processors });
    let world: HostWorld;
    before(async () => {
      world = await bootWorld({
        devices: [left.provider, right.provider],
        cpus: processors,
        modules: ['hv_netvsc'],
      });
      await bringUp(world, left);
      await bringUp(world, right);
    });
    after(async () => endWorld(world));

    it(`has ${processors} channels, and all carry traffic both ways`, async () => {
      const { machine } = world;
      for (const { provider } of [left, right]) assert.equal(provider.channels, processors);
      const server = machine.start('ip netns exec right socat TCP-LISTEN:7000,fork,reuseaddr EXEC:/bin/cat');
      const connect = `ip netns exec left socat -t 120 - TCP:${right.address}:7000,retry=20,interval=0.5`;
      const isBusy = ({ sent, received }: { sent: number; received: number }): boolean => sent > 0 && received > 0;
      const hasIdle = (): boolean =>
        [left, right].some(({ provider }) => provider.statistics.channels.filter(isBusy).length < processors);
      let connections = 0;
      while (hasIdle() && connections < mostConnections) {
        connections += 1;
        assert.equal(await machine.must(`echo ${connections} | ${connect}`), String(connections));
      }
      assert.equal(hasIdle(), false, JSON.stringify([left.provider.statistics, right.provider.statistics]));
      server.kill();
      await server.ended;
    });

    it('has made neither the kernel nor the host complain', () => {
      assertContent(world);
    });
  });
}
