// SPDX-License-Identifier: MIT
//
// A network card in a kernel that plays along: its interface comes and goes with hv_netvsc, and `ip` knows it.

import { basename } from 'node:path';
import { type Device, openBus } from '../../dist/bus/index.js';
import { replaceIpProgram } from '../../dist/bus/interface/ip-program.js';
import { FakeKernel } from './bus-kernel.js';
import { BusTree, netId } from './bus-tree.js';
import { FakeIp } from './interface-kernel.js';

export const netClass = 'f8615163-df3e-46c5-913f-f2d2f965ed0e';
const address = (text: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => {
  const [local, prefixlen] = text.split('/');
  const family = text.includes(':') ? 'inet6' : 'inet';
  return { family, local, prefixlen: Number(prefixlen), scope: '0', valid_life_time: 0xffff_ffff, ...more };
};

/** What an administrator made of the card: two static addresses, one by DHCP, the kernel's own, and routes of each kind. */
export const configured = {
  flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
  mtu: 9000,
  altnames: ['storage'],
  addr_info: [
    address('10.1.0.7/24', { label: 'lan0', broadcast: '10.1.0.255' }),
    address('10.2.0.9/24', { label: 'lan0', dynamic: true, valid_life_time: 900 }),
    address('2001:db8::7/64'),
    address('fe80::215:5dff:fe01:203/64', { scope: '253' }),
  ],
  routes: {
    4: [
      { dst: 'default', gateway: '10.1.0.1', metric: 100, protocol: '4', flags: [] },
      { dst: '10.1.0.0/24', protocol: '2', scope: '253', prefsrc: '10.1.0.7', flags: [] },
      { dst: '10.77.0.0/16', gateway: '10.1.0.2', table: '77', flags: [] },
      { dst: '10.88.0.0/16', protocol: '16', gateway: '10.2.0.1', flags: [] },
    ],
    6: [
      { dst: 'default', gateway: 'fe80::1', metric: 1024, protocol: '4', flags: [], pref: 'medium' },
      { dst: 'fe80::/64', protocol: '2', metric: 256, flags: [], pref: 'medium' },
    ],
  },
};

export class CardScene implements AsyncDisposable {
  readonly tree = new BusTree();
  readonly kernel = new FakeKernel(this.tree);
  readonly ip = new FakeIp();
  /** Name that the kernel gives the interface when it makes it anew; null: none, as when it is made in another namespace. */
  freshName: string | null = 'eth0';
  /** What a network service does as soon as it sees it. */
  onFresh: () => void = () => {};

  /** A card whose interface is called lan0. */
  static async make(changes: Parameters<FakeIp['make']>[1] = structuredClone(configured)): Promise<CardScene> {
    const scene = new CardScene();
    const { tree, kernel, ip } = scene;
    await kernel.serve('uio_hv_generic');
    await kernel.serve('hv_netvsc', netClass);
    tree.device({ id: netId, className: 'net', relid: 1, driver: 'hv_netvsc' });
    ip.make('lan0', changes);
    scene.#show('lan0');
    kernel.onMove = (id, driver) => {
      if (driver === 'hv_netvsc') scene.#come();
      else scene.#go(id);
    };
    ip.onRename = (from, to) => {
      scene.#hide(from);
      scene.#show(to);
    };
    replaceIpProgram(ip);
    return scene;
  }

  get device(): Device {
    return openBus({ root: this.tree.root }).device('net');
  }

  #come(): void {
    if (this.freshName === null) return;
    this.ip.make(this.freshName);
    this.#show(this.freshName);
    this.onFresh();
  }

  #go(id: string): void {
    for (const { name } of openBus({ root: this.tree.root }).device(id).children) {
      this.ip.interfaces.delete(name);
      this.#hide(name);
    }
  }

  #show(name: string): void {
    const { mtu = 1500, flags = [], ifindex = 2 } = this.ip.interfaces.get(name) ?? {};
    const bits = flags.includes('UP') ? '0x1003' : '0x1002';
    this.tree.net(netId, name, { mtu: String(mtu), flags: bits, ifindex: String(ifindex) });
  }

  #hide(name: string): void {
    this.tree.remove(`sys/class/net/${basename(name)}`);
    this.tree.remove(`sys/devices/VMBUS:00/${netId}/net/${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    replaceIpProgram(null);
    await this.kernel[Symbol.asyncDispose]();
    this.tree[Symbol.dispose]();
  }
}
