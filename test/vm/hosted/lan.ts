// SPDX-License-Identifier: MIT
//
// Two cards of a guest, each in a network namespace of its own, and our neighbour, joined by our switch: for the suites of
// the kernel's hv_netvsc. What one card sends the other leaves the guest, passes our host, and comes in again.

import { type NetvspProvider, NetworkSwitch, netvsp, networkPeer } from '../../../dist/host/index.js';
import type { HostWorld } from './host-world.js';
import type { Station } from './support/tcp-carry.js';

/** A card that can be brought up in a namespace. */
export interface LanCard {
  /** Of the provider and of the namespace. */
  readonly name: string;
  readonly mac: string;
  readonly address: string;
  readonly provider: NetvspProvider;
}

export interface Lan {
  readonly left: LanCard;
  readonly right: LanCard;
  /** One more card on the switch. */
  card(name: string, number: number): LanCard;
}

/** Our neighbour, which has no kernel. */
export const neighbour = '10.9.9.1';
const patient = { timeoutMs: 120_000 };

export function lan(options: { readonly queues: number; readonly mtu?: number }): Lan {
  const network = new NetworkSwitch();
  network.connect(networkPeer({ address: neighbour, prefix: 24 }));
  const card = (name: string, number: number): LanCard => {
    const mac = `00:15:5d:00:00:0${number}`;
    return { name, mac, address: `10.9.9.1${number}`, provider: netvsp({ ...options, switch: network, name, mac }) };
  };
  return { left: card('left', 1), right: card('right', 2), card };
}

/** A card that the kernel can lend to scripts. */
export interface LentCard extends LanCard {
  readonly instance: string;
}

/** The card `left` once more, for our own driver. With a monitor: older kernels lend no others. */
export function lentCard(network: NetworkSwitch, queues: number): LentCard {
  const [name, mac, instance] = ['left', '00:15:5d:00:00:01', '00000000-0000-0000-0000-000000000011'];
  const provider = netvsp({ name, mac, queues, monitorId: 9, instanceGuid: instance, switch: network });
  return { name, mac, address: '10.9.9.11', instance, provider };
}

/** Where a card's programs run. */
export const inNamespace = ({ name, address }: LanCard): Station => ({ address, inside: `ip netns exec ${name}` });

/** Moves a card to its namespace as `eth`, gives it its address and brings it up. It may still be on its way. */
export async function bringUp({ machine }: HostWorld, { name, mac, address, provider }: LanCard): Promise<void> {
  const inNamespace = `ip -n ${name}`;
  await machine.must(
    [
      `ip netns add ${name}`,
      `until card=$(grep -lx ${mac} /sys/class/net/*/address); do sleep 0.1; done`,
      `ip link set $(echo $card | cut -d/ -f5) netns ${name} name eth`,
      `${inNamespace} link set lo up`,
      `${inNamespace} addr add ${address}/24 dev eth`,
      `${inNamespace} link set eth up`,
    ].join(' && '),
  );
  await provider.ready(patient);
}
