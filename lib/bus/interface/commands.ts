// SPDX-License-Identifier: MIT
//
// The commands that make an interface what it was: one for each piece that is missing, in an order in which each can work.
// Called by put-back.ts and the plans of a dry run. Pure. Source: ip-link(8), ip-address(8), ip-route(8).

import { isIPv6 } from 'node:net';

import type { InterfaceReading } from './read-interface.js';
import type { InterfaceAddress, InterfaceCommand, InterfaceRoute, InterfaceState } from './types.js';

/** What is there, as far as it matters for what is missing. */
export type Present = Pick<
  InterfaceReading,
  'name' | 'altNames' | 'isUp' | 'mtu' | 'master' | 'addresses' | 'leased' | 'kernels' | 'routes' | 'otherRoutes'
>;

/** An interface as the kernel makes it: down, and nothing on it. */
export function freshInterface(name: string): Present {
  const nothing = { altNames: [], addresses: [], leased: [], kernels: [], routes: [], otherRoutes: [] };
  return { name, isUp: false, mtu: 1500, master: null, ...nothing };
}

/** The command that gives the interface its name again. */
export function renaming(name: string, wanted: string): InterfaceCommand {
  return command(`rename ${name} to ${wanted}`, 'link', 'set', 'dev', name, 'name', wanted);
}

/** What is missing of all but the name. What is there and was not before stays. */
export function missingCommands(now: Present, wanted: InterfaceState): InterfaceCommand[] {
  const { name } = now;
  const set = (what: string, ...words: string[]): InterfaceCommand =>
    command(`${what} ${name}`, 'link', 'set', 'dev', name, ...words);
  const commands: InterfaceCommand[] = [];
  for (const altName of wanted.altNames) {
    if (now.altNames.includes(altName) || altName === name) continue;
    const words = ['link', 'property', 'add', 'dev', name, 'altname', altName];
    commands.push(command(`let ${name} be known as ${altName}, too`, ...words));
  }
  if (now.mtu !== wanted.mtu) commands.push(set(`set the MTU ${wanted.mtu} of`, 'mtu', String(wanted.mtu)));
  if (wanted.master !== null && now.master === null)
    commands.push(set(`make ${wanted.master} the master of`, 'master', wanted.master));
  for (const address of wanted.addresses)
    if (!isThere(now, address)) commands.push(addressCommand(name, address, wanted.name));
  if (wanted.isUp && !now.isUp) commands.push(set('bring up', 'up'));
  // A gateway is found by the routes to the link itself.
  const [onLink, beyond] = [wanted.routes.filter((route) => !route.gateway), wanted.routes.filter((r) => r.gateway)];
  for (const route of [...onLink, ...beyond]) {
    const isKnown = [...now.routes, ...now.otherRoutes].some((other) => isSameRoute(other, route));
    if (!isKnown) commands.push(routeCommand(name, route));
  }
  return commands;
}

function command(what: string, ...words: string[]): InterfaceCommand {
  return { what, argv: ['ip', ...words] };
}

/** Whoever set it, and for how long: two of the same can't be. */
function isThere(now: Present, { address, prefixLength, peer }: InterfaceAddress): boolean {
  const isStatic = now.addresses.some(
    (other) => other.address === address && other.prefixLength === prefixLength && other.peer === peer,
  );
  return isStatic || [...now.leased, ...now.kernels].some((text) => text === `${address}/${prefixLength}`);
}

function addressCommand(name: string, wanted: InterfaceAddress, recordedName: string): InterfaceCommand {
  const { family, address, prefixLength, peer, broadcast, scope, label, metric, flags = [] } = wanted;
  const words = peer ? [address, 'peer', `${peer}/${prefixLength}`] : [`${address}/${prefixLength}`];
  if (broadcast) words.push('broadcast', broadcast);
  if (scope !== undefined) words.push('scope', String(scope));
  // Labels begin with the interface's name, whatever that is now.
  if (label?.startsWith(recordedName) && name === recordedName) words.push('label', label);
  if (metric !== undefined) words.push('metric', String(metric));
  for (const flag of flags) words.push(...(flag === 'deprecated' ? ['preferred_lft', '0'] : [flag]));
  const what = `give ${name} the address ${address}/${prefixLength}`;
  return command(what, `-${family}`, 'address', 'add', ...words, 'dev', name);
}

/** What tells two routes of a table apart for the kernel. Its source or who set it does not. */
function isSameRoute(one: InterfaceRoute, other: InterfaceRoute): boolean {
  const keyOf = ({ family, type, destination, table, metric = 0, gateway = '' }: InterfaceRoute): string =>
    [family, type, destination, table, metric, gateway].join(' ');
  return keyOf(one) === keyOf(other);
}

function routeCommand(name: string, route: InterfaceRoute): InterfaceCommand {
  const { family, type, destination, gateway, table, protocol, scope, metric, source, onlink, preference } = route;
  const words = [...(type ? [type] : []), destination];
  if (gateway) words.push('via', ...(family === 4 && isIPv6(gateway) ? ['inet6'] : []), gateway);
  words.push('dev', name, 'table', String(table), 'protocol', String(protocol));
  if (family === 4 && scope !== undefined) words.push('scope', String(scope));
  if (metric !== undefined) words.push('metric', String(metric));
  if (source) words.push('src', source);
  if (preference) words.push('pref', preference);
  for (const [option, value] of Object.entries(route.options ?? {})) words.push(option, String(value));
  if (onlink) words.push('onlink');
  const what = `lead ${destination} through ${name}${gateway ? ` by ${gateway}` : ''}`;
  return command(what, `-${family}`, 'route', 'add', ...words);
}
