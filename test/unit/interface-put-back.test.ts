// SPDX-License-Identifier: MIT
// Proves that a network card's interface is what it was when the card is back: whatever else happens, and only where missing.

import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import { runStepsSync } from '../../dist/bus/binding/steps.js';
import { bindDevice, listBindings, restoreDevice, restoreStale } from '../../dist/bus/index.js';
import { replaceIpProgram } from '../../dist/bus/interface/ip-program.js';
import { putBackInterface } from '../../dist/bus/interface/put-back.js';
import { VmbusError } from '../../dist/errors.js';
import { parseGuid } from '../../dist/guid.js';
import { netId } from './bus-tree.js';
import { CardScene, configured } from './interface-scene.js';

/** All that makes lan0 of a fresh interface, in order. */
const all = [
  'link set dev eth0 name lan0',
  'link property add dev lan0 altname storage',
  'link set dev lan0 mtu 9000',
  '-4 address add 10.1.0.7/24 broadcast 10.1.0.255 dev lan0',
  '-6 address add 2001:db8::7/64 dev lan0',
  'link set dev lan0 up',
  '-4 route add default via 10.1.0.1 dev lan0 table 254 protocol 4 metric 100',
  '-4 route add 10.77.0.0/16 via 10.1.0.2 dev lan0 table 77 protocol 3',
  '-6 route add default via fe80::1 dev lan0 table 254 protocol 4 metric 1024',
];

describe('a network card that goes back', () => {
  test('gets its name, MTU, addresses and routes again; what others own is theirs to bring, and is told', async () => {
    await using scene = await CardScene.make();
    const binding = await bindDevice(scene.device, { force: true });
    assert.deepEqual(scene.ip.commands, []);
    assert.equal(listBindings(scene.tree.root)[0]?.record.interface?.name, 'lan0');
    const result = await binding.restore();

    assert.deepEqual(scene.ip.commands, all);
    assert.deepEqual(
      result.interface?.commands.map(({ argv }) => argv.join(' ')),
      all.map((words) => `ip ${words}`),
    );
    assert.equal(result.interface?.name, 'lan0');
    assert.deepEqual(result.warnings, result.interface?.missing);
    assert.match(result.warnings.join(), /^10\.2\.0\.9\/24 of lan0 came from a DHCP client/);
    assert.deepEqual([result.driver, listBindings(scene.tree.root)], ['hv_netvsc', []]);
  });

  test('is left as the network service has made it, and gets only what that did not', async () => {
    await using scene = await CardScene.make();
    scene.freshName = 'lan0';
    scene.onFresh = () => scene.ip.make('lan0', { ...structuredClone(configured), mtu: 1500, altnames: [] });
    await using binding = await bindDevice(scene.device, { force: true });
    const { warnings } = await binding.restore();

    assert.deepEqual(scene.ip.commands, [all[1], all[2]]);
    assert.deepEqual(warnings, []);
  });

  test('that was bare is bare again', async () => {
    await using scene = await CardScene.make({});
    scene.freshName = 'lan0';
    const binding = await bindDevice(scene.device);
    assert.equal(binding.interface?.isUp, false);
    const { warnings } = await binding.restore();

    assert.deepEqual(warnings, []);
    assert.deepEqual(scene.ip.commands, []);
  });

  test('is bound, and no record of it left, also where nothing can be put back: each piece is told with its command', async () => {
    await using scene = await CardScene.make();
    const binding = await bindDevice(scene.device, { force: true });
    scene.ip.refuse = (words) =>
      /route add|address add/.test(words) ? { status: 2, stdout: '', stderr: 'RTNETLINK answers: No' } : null;
    const { driver, warnings } = await binding.restore();

    assert.deepEqual([driver, listBindings(scene.tree.root)], ['hv_netvsc', []]);
    assert.equal(warnings.length, 6);
    assert.match(
      String(warnings[2]),
      /could not lead default through lan0 by 10\.1\.0\.1: RTNETLINK answers: No; by hand: `ip -4 route add default via 10\.1\.0\.1 dev lan0 /,
    );
  });

  test('gets what is refused for a moment, as a route from an address that is still being tried', async () => {
    await using scene = await CardScene.make();
    const binding = await bindDevice(scene.device, { force: true });
    let refusals = 2;
    scene.ip.refuse = (words) =>
      words.startsWith('-6 route add') && refusals-- > 0 ? { status: 2, stdout: '', stderr: 'Invalid argument' } : null;
    const { interface: returned } = await binding.restore();

    assert.deepEqual(scene.ip.commands, [...all, all[8], all[8]]);
    assert.equal(returned?.missing.length, 1);
  });

  test('keeps its new name where another interface has the old one, and gets all the rest under it', async () => {
    await using scene = await CardScene.make();
    const binding = await bindDevice(scene.device, { force: true });
    scene.tree.folder('sys/class/net/lan0');
    const { interface: returned } = await binding.restore();

    assert.equal(returned?.name, 'eth0');
    assert.deepEqual(
      scene.ip.commands,
      all.slice(1).map((words) => words.replace('lan0', 'eth0')),
    );
    assert.match(
      String(returned?.missing[0]),
      /another interface is called lan0; by hand: `ip link set dev eth0 name lan0`/,
    );
  });

  test('warns when it is disposed of, whose answer nobody gets', async () => {
    await using scene = await CardScene.make();
    const warnings: (Error & { code?: string })[] = [];
    const note = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', note);
    {
      await using _binding = await bindDevice(scene.device, { force: true });
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);

    const ours = warnings.filter(({ code }) => code === 'VMBUS_INTERFACE_NOT_PUT_BACK');
    assert.equal(ours.length, 1);
    assert.match(String(ours[0]?.message), /^10\.2\.0\.9\/24 of lan0 came from a DHCP client/);
  });

  test('gets it all again when taking it failed half way', async () => {
    await using scene = await CardScene.make();
    scene.kernel.refusals.set('bind uio_hv_generic', [constants.errno.ENODEV]);
    await assert.rejects(bindDevice(scene.device, { force: true }), (error) => {
      assert.ok(VmbusError.is(error));
      assert.match(String(error.facts.notPutBack), /DHCP/);
      return true;
    });

    assert.deepEqual(scene.ip.commands, all);
    assert.equal(scene.kernel.driverOf(netId), 'hv_netvsc');
  });

  test('gets it after a crash of who took it, at the next start', async () => {
    await using scene = await CardScene.make();
    await bindDevice(scene.device, { force: true, persist: true });
    const [held] = listBindings(scene.tree.root);
    assert.ok(held);
    const entry = `run/vmbus/bindings/${netId}.json`;
    scene.tree.write(entry, JSON.stringify({ ...held.record, persist: false, pidStart: held.record.pidStart + 1 }));
    await restoreStale(scene.tree.root);

    assert.deepEqual(scene.ip.commands, all);
  });

  test('gets the rest when who gave it back was killed before the end', async () => {
    await using scene = await CardScene.make();
    const binding = await bindDevice(scene.device, { force: true, persist: true });
    const [held] = listBindings(scene.tree.root);
    await binding.restore();
    scene.ip.interfaces.get('lan0')?.routes[6].pop();
    scene.tree.write(`run/vmbus/bindings/${netId}.json`, JSON.stringify(held?.record));
    const planned = await restoreDevice(scene.device, { dryRun: true });
    assert.deepEqual(
      planned.interface?.commands.map(({ argv }) => argv.join(' ')),
      [`ip ${all[8]}`],
    );
    scene.ip.commands.length = 0;
    await restoreDevice(scene.device);

    assert.deepEqual(scene.ip.commands, [all[8]]);
  });

  test('of an older version, whose record says nothing of its interface, comes back bare and with a warning', async () => {
    await using scene = await CardScene.make();
    await bindDevice(scene.device, { force: true, persist: true });
    const [held] = listBindings(scene.tree.root);
    assert.ok(held);
    const { interface: _, ...old } = held.record;
    scene.tree.write(`run/vmbus/bindings/${netId}.json`, JSON.stringify(old));
    const { interface: returned, driver, warnings } = await restoreDevice(scene.device);

    assert.deepEqual([returned, driver, scene.ip.commands], [null, 'hv_netvsc', []]);
    assert.match(warnings.join(), /lan0 comes back without its addresses/);
  });
});

test('an interface that never comes is told, with all that it would get', async () => {
  await using scene = await CardScene.make();
  const { interface: wanted } = await bindDevice(scene.device, { force: true, persist: true });
  assert.ok(wanted);
  scene.freshName = null;
  const work = putBackInterface(scene.tree.root, parseGuid(netId), wanted);
  let step = work.next(0);
  // Nobody waits here: what matters is that it ends.
  for (; !step.done; step = work.next(0)) assert.ok('pauseMs' in step.value);

  assert.equal(step.value.missing.length, all.length - 1);
  assert.match(
    String(step.value.missing[1]),
    /no interface of the card is to be seen after 5 s; by hand: `ip link set dev lan0 mtu 9000`/,
  );
});

test('a process that ends puts back at once, without its event loop', async () => {
  await using scene = await CardScene.make();
  const { interface: wanted } = await bindDevice(scene.device, { force: true, persist: true });
  assert.ok(wanted);
  await restoreDevice(scene.device);
  scene.ip.interfaces.delete('lan0');
  scene.ip.make('lan0');
  scene.ip.commands.length = 0;
  const returned = runStepsSync(scene.tree.root, putBackInterface(scene.tree.root, parseGuid(netId), wanted));

  assert.deepEqual(scene.ip.commands, all.slice(1));
  assert.equal(returned.missing.length, 1);
});

test("nothing is asked or put back in a tree whose interfaces are not the kernel's", async () => {
  await using scene = await CardScene.make();
  replaceIpProgram(null);
  const binding = await bindDevice(scene.device, { force: true });
  const { interface: returned } = await binding.restore();

  assert.deepEqual([binding.interface, returned, scene.ip.commands], [null, null, []]);
});
