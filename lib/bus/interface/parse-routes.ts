// SPDX-License-Identifier: MIT
//
// What `ip -N -json route show table all` tells of one interface's routes, in checked values: which somebody set, and which
// come back by themselves.
// Called by read-interface.ts. Pure. Source: ip/iproute.c of iproute2, include/uapi/linux/rtnetlink.h (RTPROT_*, RTN_*).

import { entriesOf, numberOf } from './parse-link.js';
import { fieldsOf, isInterfaceRoute, routeOptions, routeTypes } from './state-format.js';
import type { InterfaceRoute } from './types.js';

/** Routes of one interface. */
export interface Routes {
  /** To be put back. */
  readonly kept: readonly InterfaceRoute[];
  /** What comes back by itself: with an address, a client, a daemon. */
  readonly others: readonly InterfaceRoute[];
  /** What can't be put back, in words. */
  readonly unknown: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

const mainTable = 254;
/** `boot`: what `ip route add` says of itself. */
const defaultProtocol = 3;
/** Redirect, kernel, router advertisement, DHCP: whoever set them does it again. */
const comesBack: ReadonlySet<number> = new Set([1, 2, 9, 16]);
/** Routing daemons (gated, zebra, bird, keepalived, babel, openr, bgp, …) follow interfaces that come and go. */
const daemons: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 15, 17, 18, 42, 99, 186, 187, 188, 189, 192]);
/** Numbers that rtnetlink has for kinds of routes. */
const typeNumbers: Readonly<Record<string, string>> = {
  1: 'unicast',
  2: 'local',
  3: 'broadcast',
  4: 'anycast',
  5: 'multicast',
};
/** All that is understood; a route with more than this would come back as another one. */
const known: ReadonlySet<string> = new Set(
  'type dst gateway via dev table protocol scope prefsrc metric flags pref metrics expires'.split(' '),
);

/** Routes of the interface; without a `dev` of their own where `ip` was asked for this interface's alone. */
export function parseRoutes(text: string, family: 4 | 6, name: string, isFiltered: boolean): Routes {
  const kept: InterfaceRoute[] = [];
  const others: InterfaceRoute[] = [];
  const unknown: string[] = [];
  for (const fields of entriesOf(text)) {
    if (!concerns(fields, name, isFiltered)) continue;
    const route = parseRoute(fields, family);
    if (route === null) unknown.push(inWords(fields));
    else if (returns(fields, route)) others.push(route);
    else kept.push(route);
  }
  return { kept, others, unknown };
}

function concerns(fields: Fields, name: string, isFiltered: boolean): boolean {
  const { dev, nexthops } = fields;
  if (dev === name) return true;
  if (Array.isArray(nexthops)) return nexthops.some((hop) => fieldsOf(hop)?.dev === name);
  return isFiltered && dev === undefined && 'dst' in fields;
}

function returns(fields: Fields, { protocol }: InterfaceRoute): boolean {
  return comesBack.has(protocol) || daemons.has(protocol) || 'expires' in fields;
}

function parseRoute(fields: Fields, family: 4 | 6): InterfaceRoute | null {
  if (Object.keys(fields).some((key) => !known.has(key))) return null;
  const { dst, gateway, via, prefsrc, flags = [], pref = 'medium' } = fields;
  const type = typeNumbers[String(fields.type)] ?? fields.type ?? 'unicast';
  const scope = numberOf(fields.scope ?? 0);
  const metric = numberOf(fields.metric ?? 0);
  const options = optionsOf(fields.metrics);
  if (options === null || !Array.isArray(flags)) return null;
  if (type !== 'unicast' && !routeTypes.some((known) => known === type)) return null;
  const hop = gateway ?? fieldsOf(via)?.host;
  const route = {
    family,
    ...(type === 'unicast' ? {} : { type }),
    destination: dst,
    table: numberOf(fields.table ?? mainTable),
    protocol: numberOf(fields.protocol ?? defaultProtocol),
    ...(scope === 0 ? {} : { scope }),
    ...(metric === 0 ? {} : { metric }),
    ...(hop === undefined ? {} : { gateway: hop }),
    ...(prefsrc === undefined ? {} : { source: prefsrc }),
    ...(flags.includes('onlink') ? { onlink: true } : {}),
    ...(pref === 'medium' ? {} : { preference: pref }),
    ...(options === undefined ? {} : { options }),
  };
  return isInterfaceRoute(route) ? route : null;
}

/** Undefined for none, null for some that are not known. */
function optionsOf(metrics: unknown): Record<string, number> | null | undefined {
  if (metrics === undefined) return undefined;
  const fields = Array.isArray(metrics) && metrics.length === 1 ? fieldsOf(metrics[0]) : null;
  if (fields === null) return null;
  const entries = Object.entries(fields).map(([name, value]) => [name, numberOf(value)] as const);
  const areKnown = entries.every(([name, value]) => value !== null && routeOptions.some((option) => option === name));
  return areKnown ? (Object.fromEntries(entries) as Record<string, number>) : null;
}

/** Kinds of routes that are not put back, by what they are told by. */
const reasons: readonly (readonly [string, string])[] = [
  ['nexthops', 'over several next hops'],
  ['nhid', 'by a next hop object'],
  ['encap', 'with an encapsulation'],
];

function inWords(fields: Fields): string {
  const reason = reasons.find(([key]) => key in fields)?.[1];
  const others = Object.keys(fields).filter((key) => !known.has(key));
  const how = reason ?? (others.length > 0 ? `with ${others.join(', ')}` : 'of a kind that is not known');
  const dst = typeof fields.dst === 'string' && !/[\s\p{C}]/u.test(fields.dst) ? fields.dst : '?';
  return `the route to ${dst} ${how}`;
}
