// SPDX-License-Identifier: MIT
//
// A device that was open through UIO goes back to its own driver, and then the host withdraws it: what becomes of the kernel.
// Nothing clears UIO's rescind callback on a channel, so it runs on the other driver's data.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { netvsp } from '../../../dist/host/index.js';
import { projectFiles } from '../guest-project.js';
import { bootWorld, endWorld, type HostWorld } from './host-world.js';

const id = '00000000-0000-0000-0000-000000000009';
const folder = `/sys/bus/vmbus/devices/${id}`;

let world: HostWorld;
before(async () => {
  world = await bootWorld({
    devices: [netvsp({ name: 'card', instanceGuid: id, monitorId: 9 })],
    modules: ['hv_netvsc', 'uio_hv_generic'],
    node: true,
  });
  await world.machine.put(await projectFiles());
});
after(async () => endWorld(world));

describe('a network card that was open through UIO', () => {
  it('works with its own driver again', async () => {
    const lent = await world.machine.must(`cd /app && node dist-test/vm/hosted/programs/uio.js lend ${id}`);
    assert.deepEqual(JSON.parse(lent), { previous: 'hv_netvsc', now: 'hv_netvsc' });
    assert.match(await world.machine.must(`ls ${folder}/net`), /^eth\d/);
    assert.deepEqual(world.machine.kernelTrouble, []);
  });

  // When a kernel no longer does, lib/bus/kernel/known-kernels.ts wants to know.
  it('crashes every kernel so far when it is withdrawn, which is what giving back warns of', async () => {
    world.host.rescind('card');
    const seen = await world.machine.must(
      `until [ ! -e ${folder} ] || dmesg | grep -q 'end trace'; do sleep 0.1; done; ls -d ${folder}; dmesg | grep RIP:`,
    );
    assert.match(seen, /RIP: 0010:uio_event_notify/);
    assert.match(seen, new RegExp(folder), 'the device is never unregistered');
  });
});
