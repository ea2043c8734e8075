// SPDX-License-Identifier: MIT
//
// Runs in a network namespace of its own, as root: a card whose interface is one end of a veth pair, configured by the real `ip`.
// Lends and returns it, and prints what it had before and after. Run by interface-real.test.ts as a child.

import { execFileSync } from 'node:child_process';
import { runStepsSync } from '../../dist/bus/binding/steps.js';
import { bindDevice, openBus } from '../../dist/bus/index.js';
import { ipProgram, replaceIpProgram } from '../../dist/bus/interface/ip-program.js';
import { putBackInterface } from '../../dist/bus/interface/put-back.js';
import { parseGuid } from '../../dist/guid.js';
import { FakeKernel } from './bus-kernel.js';
import { BusTree, netId } from './bus-tree.js';

const ip = (...words: string[]): string => execFileSync('ip', words, { encoding: 'utf8' });
const listed = (...words: string[]): Record<string, unknown>[] =>
  (JSON.parse(ip('-N', '-json', ...words) || '[]') as Record<string, unknown>[]).filter(
    (entry) => 'dst' in entry || 'ifname' in entry,
  );

const tree = new BusTree();
const kernel = new FakeKernel(tree);
const show = (name: string): void => tree.net(netId, name, { mtu: '1500', flags: '0x1002' });
const hide = (name: string): void => {
  tree.remove(`sys/class/net/${name}`);
  tree.remove(`sys/devices/VMBUS:00/${netId}/net/${name}`);
};

/** Each has the other end up, as a card has its switch. */
function makeCard(name: string): void {
  ip('link', 'add', name, 'address', '00:15:5d:01:02:03', 'type', 'veth', 'peer', 'name', 'peer');
  ip('link', 'set', 'peer', 'up');
  show(name);
}

function dropCard(): void {
  const [name = ''] = openBus({ root: tree.root })
    .device('net')
    .children.map((child) => child.name);
  ip('link', 'del', name);
  hide(name);
}

/** What is to be the same: no numbers that the kernel counts up, no lifetimes that run. */
function picture(name: string): unknown {
  const strip = ({ ifindex: _, link: __, link_index: ___, ...rest }: Record<string, unknown>): unknown => rest;
  const byText = (list: unknown[]): string[] => list.map((entry) => JSON.stringify(entry)).sort();
  const [address = {}] = listed('address', 'show', 'dev', name);
  const infos = (address.addr_info as Record<string, unknown>[]).filter(({ dynamic }) => dynamic !== true);
  // What hangs on the leased address comes with its client.
  const isLeased = ({ dst, gateway }: Record<string, unknown>): boolean => /10\.2\.0\./.test(`${dst} ${gateway}`);
  const routes = (family: string): string[] =>
    byText(listed(family, 'route', 'show', 'table', 'all', 'dev', name).filter((route) => !isLeased(route)));
  return { link: strip({ ...address, addr_info: byText(infos) }), four: routes('-4'), six: routes('-6') };
}

/** Until no address is being tried any more, for at most ten seconds. */
async function settled(name: string): Promise<unknown> {
  for (let left = 200; left > 0 && ip('address', 'show', 'dev', name).includes('tentative'); left -= 1)
    await new Promise((resolve) => setTimeout(resolve, 50));
  return picture(name);
}

await kernel.serve('uio_hv_generic');
await kernel.serve('hv_netvsc', 'f8615163-df3e-46c5-913f-f2d2f965ed0e');
tree.device({ id: netId, className: 'net', relid: 1, driver: 'hv_netvsc' });
kernel.onMove = (_, driver) => {
  if (driver === 'hv_netvsc') makeCard('eth0');
  else if (kernel.driverOf(netId) === 'hv_netvsc') dropCard();
};
const real = ipProgram();
const followed = (words: readonly string[], status: number): void => {
  const [from = '', to] = [words[3], words[4] === 'name' ? words[5] : undefined];
  if (status !== 0 || to === undefined) return;
  hide(from);
  show(to);
};
replaceIpProgram({
  run: async (words) => {
    const answer = await real.run(words);
    followed(words, answer.status);
    return answer;
  },
  runSync: (words) => {
    const answer = real.runSync(words);
    followed(words, answer.status);
    return answer;
  },
});

ip('link', 'set', 'lo', 'up');
ip('link', 'add', 'br0', 'type', 'bridge');
makeCard('lan0');
for (const line of [
  'link set dev lan0 mtu 1400',
  'link property add dev lan0 altname storage-network-of-the-house',
  'link set dev lan0 master br0',
  'address add 10.1.0.7/24 broadcast + dev lan0 label lan0:1',
  'address add 10.6.0.1 peer 10.6.0.2/32 dev lan0 scope link',
  'address add 10.2.0.9/24 dev lan0 valid_lft 1000 preferred_lft 900',
  '-6 address add 2001:db8::7/64 dev lan0',
  '-6 address add 2001:db8:1::7/64 dev lan0 nodad noprefixroute preferred_lft 0',
  '-6 address add fe80::7/64 dev lan0',
  'link set dev lan0 up',
  'route add default via 10.1.0.1 dev lan0 metric 100 protocol static mtu 1300 advmss 1200',
  'route add 10.77.0.0/16 via 172.16.0.1 dev lan0 onlink table 77 protocol 200',
  'route add 10.78.0.0/16 dev lan0 src 10.1.0.7 scope link',
  'route add 10.79.0.0/16 via inet6 fe80::79 dev lan0',
  'route add local 10.80.0.0/16 dev lan0',
  'route add 10.81.0.0/16 via 10.2.0.1 dev lan0',
  '-6 route add default via fe80::1 dev lan0 table 55 pref high',
])
  ip(...line.split(' '));
await settled('lan0');
ip(...'-6 route add 2001:db8:7::/48 via 2001:db8::1 dev lan0 src 2001:db8::7 metric 7'.split(' '));

const before = await settled('lan0');
const binding = await bindDevice(openBus({ root: tree.root }).device('net'), { force: true });
const gone = listed('link', 'show').map(({ ifname }) => ifname);
const { interface: returned } = await binding.restore();
const after = await settled('lan0');
dropCard();
makeCard('eth0');
if (binding.interface === null) throw new Error('nothing was remembered');
const atOnce = runStepsSync(tree.root, putBackInterface(tree.root, parseGuid(netId), binding.interface));
const afterSync = await settled('lan0');
process.stdout.write(
  JSON.stringify({ before, gone, after, missing: returned?.missing, afterSync, missingSync: atOnce.missing }),
);
await kernel[Symbol.asyncDispose]();
tree[Symbol.dispose]();
