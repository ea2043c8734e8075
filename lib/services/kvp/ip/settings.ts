// SPDX-License-Identifier: MIT
//
// Checks the addresses that a host wants an interface to have: they end up in files that root's programs read.
// Called by plan.ts.

import { isIP, isIPv4, isIPv6 } from 'node:net';

import { invalidValue } from '../../../errors.js';
import type { KvpIpInfo } from '../../../protocol/kvp-ip-types.js';
import type { IpAddress, IpSettings } from './types.js';

/** As the kernel has them (dev_valid_name), less what means something to a shell or in a file of settings. */
const interfaceName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/;

/** @throws TypeError ERR_INVALID_ARG_VALUE for what can be no interface's name */
export function checkInterfaceName(name: string): void {
  if (!interfaceName.test(name)) throw invalidValue('interface', 'must be the name of an interface', name);
}

/** @throws TypeError ERR_INVALID_ARG_VALUE, which names what is wrong */
export function checkedSettings(name: string, info: KvpIpInfo): IpSettings {
  checkInterfaceName(name);
  const { addresses, subnets } = info;
  const settings: IpSettings = {
    interface: name,
    isDhcp: info.isDhcp,
    addresses: addresses.map((address, i) => checkedAddress(address, subnets[i])),
    gateways: info.gateways.map((address) => ({ address, family: familyOf(address, 'gateways') })),
    dnsServers: info.dnsServers.map((address) => {
      familyOf(address, 'dnsServers');
      return address;
    }),
  };
  if (!settings.isDhcp && settings.addresses.length === 0)
    throw invalidValue('addresses', 'must not be empty where DHCP is off', addresses);
  return settings;
}

function checkedAddress(address: string, subnet: string | undefined): IpAddress {
  const family = familyOf(address, 'addresses');
  if (subnet === undefined) throw invalidValue('subnets', 'must have one for each address', address);
  const prefixLength = family === 4 ? maskLength(subnet) : prefixOf(subnet);
  return { family, address, prefixLength };
}

function familyOf(address: string, argument: string): 4 | 6 {
  // A zone would be the guest's to choose.
  if (isIPv4(address)) return 4;
  if (isIPv6(address) && !address.includes('%')) return 6;
  throw invalidValue(
    argument,
    `must hold addresses (${isIP(address) === 0 ? 'it is none' : 'it has a zone'})`,
    address,
  );
}

/** `255.255.255.0`, and `/24` as some hosts say. */
function maskLength(mask: string): number {
  if (!isIPv4(mask)) return lengthIn(mask, 32);
  const bits = mask
    .split('.')
    .map((byte) => Number(byte).toString(2).padStart(8, '0'))
    .join('');
  if (!/^1*0*$/.test(bits)) throw invalidValue('subnets', 'must hold masks without gaps', mask);
  return bits.replace(/0/g, '').length;
}

const prefixOf = (text: string): number => lengthIn(text, 128);

function lengthIn(text: string, most: number): number {
  const [, digits] = /^\/?(\d{1,3})$/.exec(text) ?? [];
  const length = digits === undefined ? -1 : Number(digits);
  if (length < 0 || length > most) throw invalidValue('subnets', `must hold masks or prefixes up to /${most}`, text);
  return length;
}
