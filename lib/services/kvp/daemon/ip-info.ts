// SPDX-License-Identifier: MIT
//
// The addresses of a network adapter, as a host asks for them: by MAC address, or by the GUID of its device.
// Called by serve-pools.ts. Source of the formats: kvp_get_ip_info() in tools/hv/hv_kvp_daemon.c; proc_net(5), resolv.conf(5).

import { networkInterfaces } from 'node:os';
import path from 'node:path';

import { listFolder, readSmallFileOrNull } from '../../../bus/read/attributes.js';
import type { IpFamily, KvpIpInfo } from '../../../protocol/kvp-ip-types.js';

/** The network interface that a host means; null where there is none. */
export function findInterface(root: string, adapterId: string): string | null {
  const wanted = adapterId.toLowerCase();
  const folder = path.join(root, 'sys/class/net');
  const text = (name: string, file: string): string =>
    readSmallFileOrNull(path.join(folder, name, file))
      ?.trim()
      .toLowerCase() ?? '';
  // An accelerated card has its MAC address twice: the synthetic one, a child of the bus, is meant.
  const found = listFolder(folder).filter(
    (name) => text(name, 'address') === wanted || text(name, 'device/device_id') === wanted,
  );
  return found.find((name) => text(name, 'device/device_id') !== '') ?? found[0] ?? null;
}

/** What is known of an interface. */
export function readIpInfo(root: string, name: string, adapterId: string, family: IpFamily): KvpIpInfo {
  const isWanted = (one: 'IPv4' | 'IPv6'): boolean => family === 'both' || family === 'none' || family === lower(one);
  const own = (networkInterfaces()[name] ?? [])
    .filter((one) => isWanted(one.family))
    .sort((a, b) => a.family.localeCompare(b.family));
  const gateways = [
    ...(isWanted('IPv4') ? ipv4Gateways(readText(root, 'proc/net/route'), name) : []),
    ...(isWanted('IPv6') ? ipv6Gateways(readText(root, 'proc/net/ipv6_route'), name) : []),
  ];
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

/** Routes with destination and mask 0: columns Iface, Destination, Gateway, …, Mask. */
function ipv4Gateways(table: string, name: string): string[] {
  return table.split('\n').flatMap((line) => {
    const [iface, destination, gateway, , , , , mask] = line.trim().split(/\s+/);
    if (iface !== name || destination !== '00000000' || mask !== '00000000' || !gateway) return [];
    const address = Number.parseInt(gateway, 16);
    return address === 0 ? [] : [[0, 8, 16, 24].map((shift) => (address >>> shift) & 0xff).join('.')];
  });
}

/** Destination, its length, source, its length, next hop, …, device. */
function ipv6Gateways(table: string, name: string): string[] {
  return table.split('\n').flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    const [destination, length, , , hop = ''] = columns;
    if (columns.at(-1) !== name || !/^0{32}$/.test(destination ?? '') || length !== '00' || /^0{32}$/.test(hop))
      return [];
    return [hop.replace(/(.{4})(?=.)/g, '$1:')];
  });
}

/** Of systemd-resolved's servers rather than its own address in resolv.conf. */
function nameServers(root: string): string[] {
  const text = readText(root, 'run/systemd/resolve/resolv.conf') || readText(root, 'etc/resolv.conf');
  return [...text.matchAll(/^nameserver\s+(\S+)/gm)].map(([, server = '']) => server);
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
