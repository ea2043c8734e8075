// SPDX-License-Identifier: MIT
//
// A network adapter's addresses as the library holds them, whatever their layout on the wire.

import { invalidValue } from '../errors.js';

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
