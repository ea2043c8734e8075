// SPDX-License-Identifier: MIT
//
// Routes that hang on an address which a DHCP client owns. Older clients set them as an administrator does; without the address
// they can't be put back, and with it they come by themselves.
// Called by remember.ts. Pure.

import { BlockList } from 'node:net';

import type { InterfaceRoute, InterfaceState } from './types.js';

/** Whether the route leaves with a leased address, or leads to a neighbour whom only a leased address reaches. */
export function hangsOnLease(route: InterfaceRoute, state: Pick<InterfaceState, 'addresses' | 'leased'>): boolean {
  const { gateway, source } = route;
  if (source !== undefined && state.leased.some((lease) => lease.split('/')[0] === source)) return true;
  if (gateway === undefined || route.onlink) return false;
  const owned = state.addresses.map(({ address, peer, prefixLength }) => `${peer ?? address}/${prefixLength}`);
  return reaches(state.leased, gateway) && !reaches(owned, gateway);
}

function reaches(networks: readonly string[], address: string): boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [base = '', length = '0'] = network.split('/');
    list.addSubnet(base, Number(length), kindOf(base));
  }
  return list.check(address, kindOf(address));
}

function kindOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
