// SPDX-License-Identifier: MIT
//
// Whether the network interfaces of a device are in use: addresses, routes, logins, bonds, an accelerated twin.
// Called by device-use.ts. Source: proc_net(5) (route, tcp), Documentation/networking/netvsc.rst (the VF is the netvsc's lower device).

import { networkInterfaces } from 'node:os';

import { listFolder, readSmallFileOrNull } from '../read/attributes.js';
import { under } from '../root.js';
import type { Device, DeviceUse } from '../types.js';
import { type Address, addressesOf, type Connection, connections, routes, sshConnection } from './network-tables.js';

/** Flag of an interface that is up (IFF_UP). */
const up = 1;
const sshPort = 22;

/** Uses of the device's network interfaces. */
export function networkUses(device: Device): DeviceUse[] {
  const { root } = device;
  return device.children
    .filter((child) => child.kind === 'net')
    .flatMap(({ name }) => {
      const group = [name, ...uppersOf(root, name)];
      return [
        ...partnerUses(root, name),
        ...group.flatMap((member) => addressUses(root, member, name)),
        ...routeUses(root, group),
        ...loginUses(root, group),
      ];
    });
}

/** Interfaces that stand on this one: bonds, bridges, VLANs, and the netvsc of a VF. */
function uppersOf(root: string, name: string): string[] {
  const found = new Set<string>();
  const visit = (member: string): void => {
    for (const entry of listFolder(under(root, 'sys/class/net', member))) {
      const upper = entry.startsWith('upper_') ? entry.slice('upper_'.length) : null;
      if (upper === null || upper === name || found.has(upper) || found.size > 256) continue;
      found.add(upper);
      visit(upper);
    }
  };
  visit(name);
  return [...found];
}

function partnerUses(root: string, name: string): DeviceUse[] {
  const folder = under(root, 'sys/class/net', name);
  const entries = listFolder(folder);
  const isUp = (Number(readSmallFileOrNull(`${folder}/flags`) ?? 0) & up) !== 0;
  const uses: DeviceUse[] = [];
  for (const entry of entries) {
    const [, side, other] = /^(upper|lower)_(.+)$/.exec(entry) ?? [];
    if (side === 'upper' && isUp)
      uses.push({ kind: 'master', detail: `${name} is up and part of ${other}`, forceable: true });
    if (side === 'lower')
      uses.push({ kind: 'vf-partner', detail: `${name} carries its traffic over ${other}`, forceable: true });
  }
  if (isUp && entries.includes('master') && uses.length === 0) {
    uses.push({ kind: 'master', detail: `${name} is up and part of a bond or bridge`, forceable: true });
  }
  const twin = twinOf(root, name);
  if (twin !== null && uses.length === 0)
    uses.push({ kind: 'vf-partner', detail: `${name} has the same MAC address as ${twin}`, forceable: true });
  return uses;
}

/** Another physical interface with the same MAC address: the VF of accelerated networking, or its netvsc. */
function twinOf(root: string, name: string): string | null {
  const mac = (other: string): string | null => readSmallFileOrNull(under(root, 'sys/class/net', other, 'address'));
  const own = mac(name);
  if (own === null || own === '' || own === '00:00:00:00:00:00') return null;
  const hasDevice = (other: string): boolean => listFolder(under(root, 'sys/class/net', other)).includes('device');
  return (
    listFolder(under(root, 'sys/class/net')).find(
      (other) => other !== name && mac(other) === own && hasDevice(other),
    ) ?? null
  );
}

function addressUses(root: string, member: string, name: string): DeviceUse[] {
  const through = member === name ? '' : `, which stands on ${name}`;
  const listed = root === '/' ? (networkInterfaces()[member] ?? []).map((entry) => entry.address) : [];
  const known = listed.length > 0 ? listed : addressesOf(root, member).map((address) => address.text);
  const details = [
    ...known.map((text) => `the address ${text}`),
    ...(listed.length > 0 ? [] : networksOf(root, member)),
  ];
  return details.map((detail) => ({ kind: 'address', detail: `${member} has ${detail}${through}`, forceable: true }));
}

/** A connected network tells that the interface has an IPv4 address in it; no table of /proc names the address itself. */
function networksOf(root: string, name: string): string[] {
  return routes(root).flatMap((route) =>
    route.family === 4 && route.name === name && route.prefix > 0
      ? [`an address in ${route.destination.text}/${route.prefix}`]
      : [],
  );
}

function routeUses(root: string, group: readonly string[]): DeviceUse[] {
  const defaults = routes(root).filter((route) => route.prefix === 0 && group.includes(route.name));
  return defaults.map((route) => ({
    kind: 'default-route',
    detail: `the default route${route.family === 6 ? ' for IPv6' : ''} goes through ${route.name}`,
    forceable: true,
  }));
}

/** Logins whose packets go through the interface: the one this script runs in, and others on the ssh port. */
function loginUses(root: string, group: readonly string[]): DeviceUse[] {
  const own = sshConnection(process.env.SSH_CONNECTION);
  const established = connections(root).filter(
    (connection) => connection.localPort === sshPort || connection.localPort === own?.localPort,
  );
  const seen = new Set<string>();
  const uses: DeviceUse[] = [];
  for (const connection of [...(own ? [own] : []), ...established]) {
    const key = `${connection.remote.text} ${connection.remotePort}`;
    if (seen.has(key) || !goesThrough(root, connection, group)) continue;
    seen.add(key);
    const isOwn =
      own !== null && connection.remote.text === own.remote.text && connection.remotePort === own.remotePort;
    uses.push({
      kind: 'login',
      detail: `${isOwn ? 'you are' : 'somebody is'} logged in from ${connection.remote.text} through ${group[0]}`,
      forceable: true,
    });
  }
  return uses;
}

/** Whether the local address is the interface's, or the way back to the other side leads through it. */
function goesThrough(root: string, connection: Connection, group: readonly string[]): boolean {
  const isLoopback =
    connection.remote.bytes.length === 4 ? connection.remote.bytes[0] === 127 : connection.remote.text === '::1';
  if (isLoopback) return false;
  const owns = group.some((member) =>
    addressesOf(root, member).some((address) => address.text === connection.local.text),
  );
  return owns || group.includes(wayTo(root, connection.remote) ?? '');
}

/** Interface of the longest matching route. */
function wayTo(root: string, address: Address): string | null {
  const family = address.bytes.length === 4 ? 4 : 6;
  let best: { readonly name: string; readonly prefix: number } | null = null;
  for (const route of routes(root)) {
    if (route.family !== family || !matches(address, route.destination, route.prefix)) continue;
    if (best === null || route.prefix > best.prefix) best = route;
  }
  return best?.name ?? null;
}

function matches(address: Address, destination: Address, prefix: number): boolean {
  for (let bit = 0; bit < prefix; bit++) {
    const mask = 0x80 >> (bit & 7);
    if (((address.bytes[bit >> 3] ?? 0) & mask) !== ((destination.bytes[bit >> 3] ?? 0) & mask)) return false;
  }
  return true;
}
