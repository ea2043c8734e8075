// SPDX-License-Identifier: MIT
// Proves what goes on record of a card's interface, and that a card whose state could not be put back is not taken.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bindDevice, openBus, restoreDevice } from '../../dist/bus/index.js';
import { withCode } from './bus-scene.js';
import { netId } from './bus-tree.js';
import { CardScene, configured } from './interface-scene.js';

describe('of an interface', () => {
  test('is put on record what somebody set, and nothing that comes back by itself', async () => {
    await using scene = await CardScene.make();
    const { interface: state, steps } = await bindDevice(scene.device, { force: true, dryRun: true });

    assert.deepEqual(state, {
      name: 'lan0',
      altNames: ['storage'],
      isUp: true,
      mtu: 9000,
      master: null,
      addresses: [
        { family: 4, address: '10.1.0.7', prefixLength: 24, broadcast: '10.1.0.255' },
        { family: 6, address: '2001:db8::7', prefixLength: 64 },
      ],
      routes: [
        { family: 4, destination: 'default', table: 254, protocol: 4, metric: 100, gateway: '10.1.0.1' },
        { family: 4, destination: '10.77.0.0/16', table: 77, protocol: 3, gateway: '10.1.0.2' },
        { family: 6, destination: 'default', table: 254, protocol: 4, metric: 1024, gateway: 'fe80::1' },
      ],
      leased: ['10.2.0.9/24'],
    });
    assert.equal(steps.length, 3);
    assert.deepEqual([scene.kernel.writes, scene.ip.commands], [[], []]);
  });

  test('a route that an old DHCP client set as an administrator does goes with the lease', async () => {
    const routes = { 4: [{ dst: 'default', gateway: '10.2.0.1', flags: [] }], 6: [] };
    await using scene = await CardScene.make({ ...structuredClone(configured), routes });
    const { interface: state } = await bindDevice(scene.device, { force: true, dryRun: true });

    assert.deepEqual(state?.routes, []);
  });

  test('what can not be put back is told before the card is taken: routes of many hops, interfaces that stand on it', async () => {
    const [hop, far] = [
      { gateway: '10.1.0.2', dev: 'lan0' },
      { gateway: '10.5.0.2', dev: 'eth7' },
    ];
    const routes = {
      4: [
        { dst: '10.9.0.0/16', flags: [], nexthops: [far, hop] },
        { dst: '10.8.0.0/16', nhid: 9, gateway: '10.1.0.5', flags: [] },
        { dst: '10.7.0.0/16', tos: '0x10', flags: [] },
      ],
      6: [],
    };
    await using scene = await CardScene.make({ ...structuredClone(configured), routes });
    scene.tree.write(`sys/devices/VMBUS:00/${netId}/net/lan0/upper_lan0.7`, '');
    const { warnings, interface: state } = await bindDevice(scene.device, { force: true, dryRun: true });

    assert.deepEqual(state?.routes, []);
    assert.deepEqual(warnings, [
      'lan0.7 may go with lan0, on which it stands, and is not put back',
      'the route to 10.9.0.0/16 over several next hops is not put back',
      'the route to 10.8.0.0/16 by a next hop object is not put back',
      'the route to 10.7.0.0/16 with tos is not put back',
    ]);
  });
});

describe('a card is not taken', () => {
  const without = { status: -1, stdout: '', stderr: 'there is no program ip here' };

  test('when its state is lost because there is no `ip`, not even with force; the package is named', async () => {
    await using scene = await CardScene.make();
    scene.ip.refuse = () => without;
    const refusal = withCode(
      'ERR_VMBUS_UNSUPPORTED',
      /lan0 .*it is up, MTU 9000.*no program ip.*apt-get install iproute2/,
    );
    await assert.rejects(bindDevice(scene.device, { force: true, dryRun: true }), refusal);
    await assert.rejects(bindDevice(scene.device, { force: true }), refusal);

    assert.deepEqual(scene.kernel.writes, []);
  });

  test('when `ip` is one that speaks no JSON, and there is something to lose', async () => {
    await using scene = await CardScene.make();
    scene.ip.refuse = () => ({ status: 1, stdout: '', stderr: 'ip: unrecognized option: N' });
    await assert.rejects(bindDevice(scene.device, { force: true }), withCode('ERR_VMBUS_UNSUPPORTED', /unrecognized/));
  });

  test('when `ip` knows another interface of that name, in another network namespace', async () => {
    await using scene = await CardScene.make();
    scene.tree.write(`sys/devices/VMBUS:00/${netId}/net/lan0/ifindex`, '77\n');
    await assert.rejects(
      bindDevice(scene.device, { force: true }),
      withCode('ERR_VMBUS_UNSUPPORTED', /another network namespace/),
    );
  });

  test('when it has more routes than a record can hold', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({ dst: `10.${i >> 8}.${i & 255}.0/24`, flags: [] }));
    await using scene = await CardScene.make({ ...structuredClone(configured), routes: { 4: many, 6: [] } });
    const refusal = withCode('ERR_VMBUS_UNSUPPORTED', /1000 routes.*ip route show table all dev lan0/);
    await assert.rejects(bindDevice(scene.device, { force: true, dryRun: true }), refusal);
    await assert.rejects(bindDevice(scene.device, { force: true }), refusal);

    assert.deepEqual(scene.kernel.writes, []);
  });
});

describe('a card is taken', () => {
  test('with an address on its interface only by force, also while that is down', async () => {
    await using scene = await CardScene.make({ flags: [], addr_info: configured.addr_info.slice(0, 1) });
    const refusal = withCode('ERR_VMBUS_IN_USE', /lan0 has the address 10\.1\.0\.7/);
    await assert.rejects(bindDevice(scene.device, { dryRun: true }), refusal);
    await assert.rejects(bindDevice(scene.device), refusal);
    assert.deepEqual(scene.kernel.writes, []);

    const binding = await bindDevice(scene.device, { force: true });
    await binding.restore();
  });

  test('without `ip` where it has nothing but its name to lose, with a warning', async () => {
    await using scene = await CardScene.make({});
    scene.ip.refuse = () => ({ status: -1, stdout: '', stderr: 'there is no program ip here' });
    const binding = await bindDevice(scene.device);

    assert.equal(binding.interface, null);
    assert.match(binding.warnings.join(), /lan0 may come back under another name/);
    await binding.restore();
  });

  test('with a warning where its interface is in another network namespace', async () => {
    await using scene = await CardScene.make();
    scene.tree.remove(`sys/devices/VMBUS:00/${netId}/net`);
    const binding = await bindDevice(openBus({ root: scene.tree.root }).device(netId));

    assert.match(binding.warnings.join(), /no interface of it is to be seen: it is in another network namespace/);
    await binding.restore();
  });

  test('with its few hundred routes, which all come back', async () => {
    const routes = Array.from({ length: 200 }, (_, i) => ({ dst: `10.1.${i}.0/24`, gateway: '10.1.0.1', flags: [] }));
    await using scene = await CardScene.make({ ...structuredClone(configured), routes: { 4: routes, 6: [] } });
    await bindDevice(scene.device, { force: true, persist: true });
    await restoreDevice(scene.device);

    assert.equal(scene.ip.interfaces.get('lan0')?.routes[4].length, 200);
  });
});
