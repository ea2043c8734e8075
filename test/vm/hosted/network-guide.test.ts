// SPDX-License-Identifier: MIT
//
// What docs/network.md tells to do on a real guest, done: look, ping, capture, and an interface that the kernel uses through our
// code. On the other end of the cable is the kernel's own hv_netvsc with a second card.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { readPcapng } from '../../process/pcapng-reader.js';
import { projectFiles } from '../guest-project.js';
import { assertContent, bootWorld, endWorld, type HostWorld, isFullSize } from './host-world.js';
import { bringUp, inNamespace, lan, lentCard, neighbour } from './lan.js';
import { linesOf } from './support/guest-lines.js';
import { installHv } from './support/hv-command.js';
import { pingWithoutLoss } from './support/ping.js';
import { carryOverTcp } from './support/tcp-carry.js';

const mebibytes = isFullSize ? 64 : 16;
const pings = 20;
const { right } = lan({ queues: 2 });
const left = lentCard(right.provider.network, 2);
/** Of the interface that `hv net tap` makes. */
const ours = '10.9.9.7';
const stations = { ours: { address: ours }, theirs: inNamespace(right) };

let world: HostWorld;
before(async () => {
  world = await bootWorld({
    devices: [left.provider, right.provider],
    modules: ['hv_netvsc', 'uio_hv_generic', 'tun'],
    node: true,
  });
  await world.machine.put(await projectFiles());
  await installHv(world.machine);
  await bringUp(world, right);
});
after(async () => endWorld(world));

const sh = (command: string): Promise<string> => world.machine.must(command);
const carrierIs = (value: 0 | 1) => sh(`until [ "$(cat /sys/class/net/lan0/carrier)" = ${value} ]; do sleep 0.1; done`);

/** The card's name at the kernel. It may still be on its way. */
const interfaceOf = ({ mac }: { readonly mac: string }) =>
  sh(`until card=$(grep -lx ${mac} /sys/class/net/*/address); do sleep 0.1; done; echo $card | cut -d/ -f5`);

/** Takes the card, joins it to lan0 and gives that its address. */
async function join() {
  const guest = world.machine.start(
    `exec hv bind ${await interfaceOf(left)} -- hv net tap --name lan0 --queues 2 --json`,
  );
  const lines = linesOf(guest);
  const made = await lines.next((line) => line.schema === 'vmbus.net.tap/1');
  assert.deepEqual([made.interface, made.mac], ['lan0', left.mac]);
  await sh(`ip addr add ${ours}/24 dev lan0`);
  return { ...lines, ended: guest.ended, interrupt: () => guest.kill('SIGINT') };
}

describe('a card that is lent to a command', () => {
  it('is found by its interface', async () => {
    const { cards } = JSON.parse(await sh('hv net ls --json')) as { cards: Record<string, unknown>[] };
    const found = cards.find(({ id }) => id === left.instance);
    assert.deepEqual([found?.driver, found?.interface], ['hv_netvsc', await interfaceOf(left)]);
  });

  it('is refused while it has an address, which is named', async () => {
    const name = await interfaceOf(left);
    await sh(`ip addr add ${left.address}/24 dev ${name}`);
    const { status, stderr } = await world.machine.run(`hv bind ${name} -- hv net ping ${neighbour}`);
    assert.notEqual(status, 0);
    assert.match(stderr, new RegExp(left.address));
    await sh(`ip addr del ${left.address}/24 dev ${name}`);
  });

  for (const [how, option] of [
    ['that the network gives it', ''],
    ['that it was told', ` --from ${ours}/24`],
  ] as const) {
    it(`pings with an address ${how}, and is given back`, async () => {
      const out = await sh(`hv bind ${await interfaceOf(left)} -- hv net ping ${neighbour}${option} -W 20s`);
      assert.match(out, /4 sent, 4 received, 0 lost/);
    });
  }

  it('writes a capture file until Ctrl-C', async () => {
    const dump = world.machine.start(
      `exec hv bind ${await interfaceOf(left)} -- hv net dump --pcapng /tmp/frames.pcapng`,
    );
    // Asked for an address that nobody has, the kernel's card sends to everybody.
    const calls = world.machine.start(`while :; do ip netns exec right ping -c 1 -W 1 10.9.9.99; done`);
    await sh('until [ "$(stat -c %s /tmp/frames.pcapng 2> /dev/null || echo 0)" -gt 400 ]; do sleep 0.1; done');
    dump.kill('SIGINT');
    await dump.ended;
    calls.kill('SIGKILL');
    const { packets } = readPcapng(Buffer.from(await sh('base64 /tmp/frames.pcapng'), 'base64'));
    const call = Buffer.from(`ffffffffffff${right.mac.replaceAll(':', '')}0806`, 'hex');
    assert.ok(packets.some(({ bytes }) => call.equals(bytes.subarray(0, call.length))));
  });
});

describe('an interface that our code joins to a card', () => {
  let tap: Awaited<ReturnType<typeof join>>;

  it('is there, and its kernel pings across the switch without loss', async () => {
    tap = await join();
    await pingWithoutLoss(world, { to: right.address, count: pings });
  });

  it(`carries ${mebibytes} MiB over TCP to the kernel's own card`, () =>
    carryOverTcp(world, { from: stations.ours, to: stations.theirs, mebibytes }));

  it(`carries ${mebibytes} MiB over TCP from the kernel's own card`, () =>
    carryOverTcp(world, { from: stations.theirs, to: stations.ours, mebibytes }));

  it('shows the cable that goes and comes', async () => {
    left.provider.disconnect();
    await carrierIs(0);
    left.provider.connect();
    await carrierIs(1);
    await pingWithoutLoss(world, { to: right.address, count: 3 });
  });

  it('ends with Ctrl-C, and the card is the kernel’s again and works', async () => {
    tap.interrupt();
    const { by, fromKernel, toKernel } = await tap.next((line) => line.schema === 'vmbus.net.tap-end/1');
    assert.equal(by, 'user');
    assert.ok(Number(fromKernel) > mebibytes && Number(toKernel) > mebibytes);
    await tap.ended;
    assert.equal(await sh('ls /sys/class/net | grep lan0 || echo gone'), 'gone');
    await bringUp(world, left);
    await pingWithoutLoss(world, { from: inNamespace(left), to: right.address, count: pings });
    await sh('ip -n left link set eth down && ip -n left link set eth netns 1 && ip netns del left');
  });

  it('ends with an error that says so when the host withdraws the card under traffic', async () => {
    tap = await join();
    const traffic = world.machine.start(`ping -i 0.01 ${right.address}`);
    let replies = 0;
    for await (const chunk of traffic.stdout) {
      replies += String(chunk).split('bytes from').length - 1;
      if (replies >= 50) break;
    }
    world.host.rescind(left.name);
    assert.notEqual(await tap.ended, 0);
    assert.match(tap.errors(), /ERR_VMBUS_RESCINDED|withdrawn/);
    assert.equal(await sh('ls /sys/class/net | grep lan0 || echo gone'), 'gone');
    traffic.kill('SIGKILL');
    await traffic.ended;
  });

  it('made neither the kernel nor the host complain', () => assertContent(world));
});
