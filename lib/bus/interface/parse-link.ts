// SPDX-License-Identifier: MIT
//
// What `ip -N -json address show` tells of one interface, in checked values: which addresses somebody set, and which are
// somebody else's to bring back.
// Called by read-interface.ts. Pure. Source: ip/ipaddress.c of iproute2.

import {
  addressFlags,
  fieldsOf,
  isAddress,
  isAltName,
  isByte,
  isInterfaceAddress,
  isInterfaceName,
  isLabel,
  isMtu,
  isWord,
} from './state-format.js';
import type { InterfaceAddress } from './types.js';

/** An interface without its routes. */
export interface Link {
  readonly name: string;
  readonly index: number;
  readonly altNames: readonly string[];
  readonly isUp: boolean;
  readonly mtu: number;
  readonly master: string | null;
  readonly addresses: readonly InterfaceAddress[];
  readonly leased: readonly string[];
  /** The kernel's own, `fe80::…/64`. */
  readonly kernels: readonly string[];
  /** What could not be understood, in words. */
  readonly unknown: readonly string[];
}

/** Lifetime of what nobody has to renew. */
const forever = 0xffff_ffff;
/** IFAPROT_KERNEL_RA, IFAPROT_KERNEL_LL: numbers and names. */
const kernelsOwn: readonly unknown[] = ['3', 'kernel_ll'];
const advertised: readonly unknown[] = ['2', 'kernel_ra'];

/** The interface of that name; null where the text holds none, or none that makes sense. */
export function parseLink(text: string, name: string): Link | null {
  const fields = entriesOf(text).find((entry) => entry.ifname === name);
  if (fields === undefined || !isInterfaceName(name)) return null;
  const { ifindex, flags, mtu, master = null, altnames = [], addr_info: listed = [] } = fields;
  if (!isWord(ifindex) || !Array.isArray(flags) || !isMtu(mtu) || !Array.isArray(altnames) || !Array.isArray(listed))
    return null;
  if (master !== null && !isInterfaceName(master)) return null;
  const infos = objectsIn(listed).filter((entry) => 'local' in entry);
  const ownEnd = interfaceEnd(fields.address);
  const kinds = infos.map((info) => ({ info, kind: kindOf(info, ownEnd), parsed: parseAddress(info, name) }));
  const textOf = (info: Readonly<Record<string, unknown>>): string => `${info.local}/${info.prefixlen}`;
  const ofKind = (kind: string): string[] =>
    kinds.filter((entry) => entry.kind === kind && entry.parsed !== null).map(({ info }) => textOf(info));
  return {
    name,
    index: ifindex,
    altNames: altnames.filter(isAltName),
    isUp: flags.includes('UP'),
    mtu,
    master,
    addresses: kinds.flatMap(({ kind, parsed }) => (kind === 'static' && parsed !== null ? parsed : [])),
    leased: ofKind('leased'),
    kernels: ofKind('kernel'),
    unknown: kinds.flatMap(({ info, parsed }) => (parsed === null ? `the address ${textOf(info)}` : [])),
  };
}

/** The objects of a list that `ip` printed; it prints nothing at all for an empty one, and some versions empty objects in it. */
export function entriesOf(text: string): Readonly<Record<string, unknown>>[] {
  try {
    const value: unknown = text.trim() === '' ? [] : JSON.parse(text);
    return Array.isArray(value) ? objectsIn(value) : [];
  } catch {
    return [];
  }
}

function objectsIn(list: readonly unknown[]): Readonly<Record<string, unknown>>[] {
  return list.map(fieldsOf).filter((entry) => entry !== null);
}

/** A number that stands there as such, or as text: with -N some are printed in quotes. */
export function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^(?:0|[1-9]\d{0,9})$/.test(value) ? Number(value) : null;
}

function kindOf(info: Readonly<Record<string, unknown>>, ownEnd: string | null): 'static' | 'leased' | 'kernel' {
  const { local, protocol, dynamic, temporary, valid_life_time: lifetime = forever } = info;
  const isLinkLocal = typeof local === 'string' && /^fe[89ab][0-9a-f]:/i.test(local);
  // Older kernels don't tell whose it is; what follows from the MAC address is the kernel's.
  if (kernelsOwn.includes(protocol) || (isLinkLocal && ownEnd !== null && local.endsWith(ownEnd))) return 'kernel';
  const isRenewed = dynamic === true || temporary === true || lifetime !== forever;
  return isRenewed || advertised.includes(protocol) ? 'leased' : 'static';
}

function parseAddress(info: Readonly<Record<string, unknown>>, name: string): InterfaceAddress | null {
  const { local, address, prefixlen: prefixLength, broadcast, label } = info;
  const family = info.family === 'inet6' ? 6 : 4;
  const scope = numberOf(info.scope ?? 0);
  const metric = numberOf(info.metric ?? 0);
  const flags = addressFlags.filter((flag) => info[flag] === true);
  if (!isByte(scope) || !isWord(metric) || (info.family !== 'inet' && family === 4)) return null;
  const parsed = {
    family,
    address: local,
    prefixLength,
    ...(isAddress(address, family) ? { peer: address } : {}),
    ...(family === 4 && isAddress(broadcast, 4) ? { broadcast } : {}),
    ...(family === 4 && scope !== 0 ? { scope } : {}),
    ...(family === 4 && isLabel(label) && label !== name ? { label } : {}),
    ...(metric === 0 ? {} : { metric }),
    ...(flags.length === 0 ? {} : { flags }),
  };
  return isInterfaceAddress(parsed) ? parsed : null;
}

/** The last half of the link-local address that the kernel makes of a MAC address, as text: `105d:d3ff:fefb:e1c`. */
function interfaceEnd(mac: unknown): string | null {
  const bytes = typeof mac === 'string' && /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) ? mac.split(':') : null;
  if (bytes === null) return null;
  const [first = '', second, third, fourth, fifth, sixth] = bytes;
  const flipped = (Number.parseInt(first, 16) ^ 2).toString(16).padStart(2, '0');
  const groups = [`${flipped}${second}`, `${third}ff`, `fe${fourth}`, `${fifth}${sixth}`];
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}
