// SPDX-License-Identifier: MIT
//
// The addresses of a network adapter, as a host asks for them: by MAC address, or by the GUID of its device.
// Called by serve-pools.ts. Source of the formats: kvp_get_ip_info() in tools/hv/hv_kvp_daemon.c; resolv.conf(5).

import { networkInterfaces } from 'node:os';
import path from 'node:path';

import { listFolder, readSmallFileOrNull } from '../../../bus/read/attributes.js';
import { under } from '../../../bus/root.js';
import { routes } from '../../../bus/use/network-tables.js';
import { readTableLines } from '../../../bus/use/proc-table.js';
import type { IpFamily, KvpIpInfo } from '../../../protocol/kvp-ip-types.js';

/** By what a host names a card: the GUID of its device, or in questions its MAC address as well. */
export type AdapterName = 'guid' | 'guid-or-mac';

/** The network interface that a host means; null where there is none. */
export function findInterface(root: string, adapterId: string, by: AdapterName): string | null {
  const wanted = adapterId.toLowerCase();
  const isGuid = /^\{[0-9a-f-]{36}\}$/.test(wanted);
  // No card has the address of zeros, which the loopback interface shows.
  const isMac = /^(?!(00[:]?){6}$)([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(wanted);
  if (!isGuid && !(isMac && by === 'guid-or-mac')) return null;
  const folder = path.join(root, 'sys/class/net');
  const text = (name: string, file: string): string =>
    readSmallFileOrNull(path.join(folder, name, file))
      ?.trim()
      .toLowerCase() ?? '';
  const found = listFolder(folder).filter((name) => text(name, isGuid ? 'device/device_id' : 'address') === wanted);
  // An accelerated card has its MAC address twice: the synthetic one, a child of the bus, is meant.
  return found.find((name) => text(name, 'device/device_id') !== '') ?? found[0] ?? null;
}

/** What is known of an interface. */
export function readIpInfo(root: string, name: string, adapterId: string, family: IpFamily): KvpIpInfo {
  const isWanted = (one: 'IPv4' | 'IPv6'): boolean => family === 'both' || family === 'none' || family === lower(one);
  const own = (networkInterfaces()[name] ?? [])
    .filter((one) => isWanted(one.family))
    .sort((a, b) => a.family.localeCompare(b.family));
  const gateways = routes(root).flatMap((route) => {
    const isDefault = route.name === name && route.prefix === 0 && isWanted(route.family === 4 ? 'IPv4' : 'IPv6');
    return isDefault && route.gateway ? [route.gateway.text] : [];
  });
  return {
    adapterId,
    family,
    isDhcp: usesDhcp(root, name),
    addresses: own.map(({ address }) => address),
    subnets: own.map((one) => (one.family === 'IPv4' ? one.netmask : `/${one.cidr?.split('/')[1] ?? 128}`)),
    gateways,
    dnsServers: nameServers(root),
    origins: [],
  };
}

const lower = (family: 'IPv4' | 'IPv6'): IpFamily => (family === 'IPv4' ? 'ipv4' : 'ipv6');
const readText = (root: string, file: string): string => readSmallFileOrNull(path.join(root, file)) ?? '';

/** Of systemd-resolved's servers rather than its own address in resolv.conf. */
function nameServers(root: string): string[] {
  const own = readTableLines(under(root, 'run/systemd/resolve/resolv.conf'));
  const lines = own.length > 0 ? own : readTableLines(under(root, 'etc/resolv.conf'));
  return lines.flatMap((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
}

/** Whether one of the usual clients has a lease for the interface. */
function usesDhcp(root: string, name: string): boolean {
  const index = readText(root, `sys/class/net/${name}/ifindex`).trim();
  if (index !== '' && readText(root, `run/systemd/netif/leases/${index}`) !== '') return true;
  if (index !== '' && /^(dhcp4|\[dhcp4\])/m.test(readText(root, `run/NetworkManager/devices/${index}`))) return true;
  const leases = [`run/dhclient.${name}.pid`, `var/lib/dhcp/dhclient.${name}.leases`, `run/udhcpc.${name}.pid`];
  return leases.some((file) => readText(root, file) !== '') || dhcpcdLease(root, name);
}

const dhcpcdLease = (root: string, name: string): boolean =>
  listFolder(path.join(root, 'var/lib/dhcpcd')).some((file) => file === `${name}.lease`);
