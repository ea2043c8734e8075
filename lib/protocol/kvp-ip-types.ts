// SPDX-License-Identifier: MIT
//
// A network adapter's addresses as the library holds them, whatever their layout on the wire.

import { invalidType, invalidValue } from '../errors.js';
import { protocolViolation } from './wire-fields.js';

/** Which addresses are meant. */
export type IpFamily = 'none' | 'ipv4' | 'ipv6' | 'both';
/** Families in the order of their numbers. */
export const ipFamilies: readonly IpFamily[] = ['none', 'ipv4', 'ipv6', 'both'];

/** Where an address is from. */
export type IpOrigin = 'unknown' | 'other' | 'static';
/** Origins in the order of their numbers. */
export const ipOrigins: readonly IpOrigin[] = ['unknown', 'other', 'static'];

/** Addresses of a network adapter. From version 5.0 on, IPv4 ones come first in every list. */
export interface KvpIpInfo {
  /**
   * The adapter: its instance GUID in braces. Linux's daemon wants its MAC address (upper case, colons) instead where
   * information is asked for, and the GUID where it is set.
   */
  readonly adapterId: string;
  readonly family: IpFamily;
  /** Whether IPv4 addresses come from DHCP. */
  readonly isDhcp: boolean;
  readonly addresses: readonly string[];
  /** Masks of IPv4 addresses, prefixes of IPv6 addresses as `/64`; in the order of the addresses. */
  readonly subnets: readonly string[];
  readonly gateways: readonly string[];
  readonly dnsServers: readonly string[];
  /** In the order of the addresses; empty: not said. Only from version 5.0 on. */
  readonly origins: readonly IpOrigin[];
}

/** Number of a family. @throws TypeError ERR_INVALID_ARG_VALUE */
export function familyNumber(family: IpFamily): number {
  const number = ipFamilies.indexOf(family);
  if (number < 0) throw invalidValue('family', `must be one of ${ipFamilies.join(', ')}`, family);
  return number;
}

/** Family of a number. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function familyOfNumber(number: number): IpFamily {
  const family: IpFamily | undefined = ipFamilies[number];
  if (family === undefined) throw protocolViolation('kvp', `address family ${number}`, { family: number });
  return family;
}

/** Lists of the information that travel as texts, their entries apart by semicolons. */
export const ipLists = ['addresses', 'subnets', 'gateways', 'dnsServers'] as const;

/** Text of a list. @throws TypeError where an entry could be taken for several, or for none */
export function joinEntries(name: string, list: readonly string[]): string {
  if (!Array.isArray(list)) throw invalidType(name, 'an array of strings', list);
  for (const entry of list) {
    if (typeof entry !== 'string' || entry === '' || entry.includes(';'))
      throw invalidValue(name, 'must hold texts without semicolons', entry);
  }
  return list.join(';');
}

/** The lists of the information, each from its text. */
export function splitEntries(
  textOf: (name: (typeof ipLists)[number]) => string,
): Pick<KvpIpInfo, (typeof ipLists)[number]> {
  const list = (name: (typeof ipLists)[number]): string[] =>
    textOf(name)
      .split(';')
      .filter((entry) => entry !== '');
  return {
    addresses: list('addresses'),
    subnets: list('subnets'),
    gateways: list('gateways'),
    dnsServers: list('dnsServers'),
  };
}
