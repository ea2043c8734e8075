// SPDX-License-Identifier: MIT
//
// What goes on record of a card's interface before the card is taken; and the refusal to take one whose state would be lost.
// Called by driver-binding.ts, before the first write; calls read-interface.ts.

import { networkInterfaces } from 'node:os';

import { VmbusError } from '../../errors.js';
import { listFolder, readSmallFileOrNull } from '../read/attributes.js';
import { under } from '../root.js';
import type { Device } from '../types.js';
import { addressesOf, routes } from '../use/network-tables.js';
import type { Asking } from './ask.js';
import { hasInterfaces } from './ip-program.js';
import { hangsOnLease } from './leased-routes.js';
import { type InterfaceReading, readInterface } from './read-interface.js';
import { isInterfaceName, isInterfaceState } from './state-format.js';
import type { InterfaceState } from './types.js';

/** What goes on record, and what somebody should know who takes the card. */
export interface Remembered {
  /** Null where there is no interface, or nothing of it to lose. */
  readonly state: InterfaceState | null;
  readonly warnings: readonly string[];
}

/** The driver whose device is an interface. */
const nicDriver = 'hv_netvsc';
/** Flag of an interface that is up (IFF_UP). */
const up = 1;
const nothing: Remembered = { state: null, warnings: [] };

/** Reads the interface of a network card. @throws ERR_VMBUS_UNSUPPORTED where its state can't be read, and would be lost */
export function* rememberInterface(device: Device): Asking<Remembered> {
  if (device.driver !== nicDriver || device.class.nativeDriver !== nicDriver || !hasInterfaces(device.root))
    return nothing;
  const [child] = device.children.filter(({ kind }) => kind === 'net');
  if (child === undefined) return { state: null, warnings: [unseen(device)] };
  const { name } = child;
  if (!isInterfaceName(name)) return unreadable(device, name, 'its name is no plain word');
  const reading = yield* readInterface(name);
  if (typeof reading === 'string') return unreadable(device, name, reading);
  const index = readSmallFileOrNull(under(device.root, 'sys/class/net', name, 'ifindex'));
  if (index !== null && index !== String(reading.index))
    return unreadable(device, name, 'ip knows another of that name: that of another network namespace than /sys');
  const state = stateOf(reading);
  if (!isInterfaceState(state)) return unreadable(device, name, 'ip told what makes no sense');
  return { state, warnings: [...unkept(device, reading), ...reading.unknown.map((what) => `${what} is not put back`)] };
}

/** The error for a state that a record can't hold. */
export function tooMuch(device: Device, { name, routes, addresses }: InterfaceState): VmbusError {
  return new VmbusError(
    'ERR_VMBUS_UNSUPPORTED',
    `${name} has ${routes.length} routes and ${addresses.length} addresses of its own: more than can be remembered and put back`,
    {
      device: device.id,
      hint: `take away what may be lost first: see \`ip route show table all dev ${name}\``,
      facts: { routes: routes.length, addresses: addresses.length },
    },
  );
}

function stateOf({ name, altNames, isUp, mtu, master, addresses, leased, routes }: InterfaceReading): InterfaceState {
  const kept = routes.filter((route) => !hangsOnLease(route, { addresses, leased }));
  return { name, altNames, isUp, mtu, master, addresses, routes: kept, leased };
}

function unseen(device: Device): string {
  return (
    `${nicDriver} has ${device.id}, and no interface of it is to be seen: it is in another network namespace (a container's). ` +
    'What is set on it there is not put back'
  );
}

/** Interfaces that stand on this one go with it. */
function unkept(device: Device, { name, master }: InterfaceReading): string[] {
  const entries = listFolder(under(device.root, 'sys/class/net', name));
  const uppers = entries.flatMap((entry) => (entry.startsWith('upper_') ? entry.slice('upper_'.length) : []));
  const lost = uppers.filter((upper) => upper !== master);
  return lost.length === 0 ? [] : [`${lost.join(', ')} may go with ${name}, on which it stands, and is not put back`];
}

function unreadable(device: Device, name: string, why: string): Remembered {
  const lost = losses(device.root, name);
  if (lost.length === 0)
    return { state: null, warnings: [`${name} may come back under another name: it can't be read (${why})`] };
  throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `what ${name} has could not be put back (${lost.join(', ')}): ${why}`, {
    device: device.id,
    hint:
      'install iproute2 (`apt-get install iproute2`, `dnf install iproute`, `zypper install iproute2`), or if it may be lost ' +
      'take it away first: no addresses, MTU 1500, down',
    facts: { interface: name, lost },
  });
}

/** What the interface has that a fresh one has not, as far as it can be told without `ip`. */
function losses(root: string, name: string): string[] {
  const folder = under(root, 'sys/class/net', name);
  const mtu = readSmallFileOrNull(`${folder}/mtu`) ?? '1500';
  const isUp = (Number(readSmallFileOrNull(`${folder}/flags`) ?? 0) & up) !== 0;
  const hasAddresses =
    (root === '/' && (networkInterfaces()[name] ?? []).length > 0) ||
    addressesOf(root, name).length > 0 ||
    routes(root).some((route) => route.name === name);
  return [
    ...(isUp ? ['it is up'] : []),
    ...(hasAddresses ? ['addresses or routes'] : []),
    ...(mtu === '1500' ? [] : [`MTU ${mtu}`]),
    ...(listFolder(folder).includes('master') ? ['a master'] : []),
  ];
}
