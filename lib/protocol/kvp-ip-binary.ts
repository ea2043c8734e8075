// SPDX-License-Identifier: MIT
//
// The binary layout of a network adapter's addresses, version 5.0 of the key-value service.
// Called by kvp-ip-info.ts. Source of the facts: KvpIpInfo in hyperv_ic_protocol of OpenVMM.
//
// From offset 4 of the body on: six u32 counts (addresses, gateways, DNS servers; IPv4 then IPv6 each), adapter id u16[128],
// u8 family, u8 DHCP, 2 bytes zero, and for each list a table that has room for the most entries.

import { isIPv6 } from 'node:net';
import { invalidType, invalidValue, outOfRange } from '../errors.js';
import { getText, putText } from './ic-text.js';
import { ipv4Bytes, ipv4Text, ipv6Bytes, ipv6Text } from './ip-text.js';
import { familyNumber, ipFamilies, ipOrigins, type KvpIpInfo } from './kvp-ip-types.js';
import { needBytes, protocolViolation, viewOf } from './wire-fields.js';

const start = 4;
const end = start + 3712;
const adapterId = { offset: start + 24, bytes: 256 };
const familyOffset = start + 280;
const dhcpOffset = start + 281;
const originsOffset = start + 3456;

/** A table of addresses: where its count and its entries stand. */
interface Table {
  readonly what: string;
  readonly count: number;
  readonly offset: number;
  readonly most: number;
  readonly bytes: 4 | 16;
}

const table = (what: string, count: number, offset: number, most: number, bytes: 4 | 16): Table => ({
  what,
  count: start + count,
  offset: start + offset,
  most,
  bytes,
});
const addresses4 = table('IPv4 addresses', 0, 284, 64, 4);
const addresses6 = table('IPv6 addresses', 4, 540, 64, 16);
const gateways4 = table('IPv4 gateways', 8, 2076, 5, 4);
const gateways6 = table('IPv6 gateways', 12, 2096, 5, 16);
const dns4 = table('IPv4 DNS servers', 16, 2176, 64, 4);
const dns6 = table('IPv6 DNS servers', 20, 2432, 64, 16);
/** Masks and prefixes have the counts of their addresses. */
const masks4 = start + 1564;
const prefixes6 = start + 1820;

/** Writes the information over a body, but for its operation. @throws TypeError, RangeError */
export function encodeBinaryIpInfo(body: Uint8Array, info: KvpIpInfo): void {
  const view = viewOf(body);
  body.subarray(start).fill(0);
  putText(body, adapterId.offset, adapterId.bytes, info.adapterId, 'adapterId');
  body[familyOffset] = familyNumber(info.family);
  body[dhcpOffset] = info.isDhcp ? 1 : 0;
  const { addresses, subnets, origins } = info;
  for (const name of ['addresses', 'subnets', 'gateways', 'dnsServers', 'origins'] as const)
    if (!Array.isArray(info[name])) throw invalidType(name, 'an array', info[name]);
  if (subnets.length !== addresses.length)
    throw invalidValue('subnets', `must have as many entries as addresses (${addresses.length})`, subnets.length);
  if (origins.length !== 0 && origins.length !== addresses.length)
    throw invalidValue('origins', `must have as many entries as addresses (${addresses.length})`, origins.length);
  const order = [...addresses.keys()].sort(
    (a, b) => Number(isIPv6(addresses[a] ?? '')) - Number(isIPv6(addresses[b] ?? '')),
  );
  const ordered = order.map((i) => addresses[i] ?? '');
  putAddresses(body, addresses4, addresses6, ordered, 'addresses');
  let next4 = 0;
  let next6 = 0;
  for (const [place, i] of order.entries()) {
    const subnet = subnets[i] ?? '';
    if (isIPv6(addresses[i] ?? '')) view.setUint32(prefixes6 + 4 * next6++, prefixOf(subnet), true);
    else body.set(ipv4Bytes(subnet, 'subnets'), masks4 + 4 * next4++);
    const origin = ipOrigins.indexOf(origins[i] ?? 'unknown');
    if (origin < 0) throw invalidValue('origins', `must be among ${ipOrigins.join(', ')}`, origins[i]);
    view.setUint16(originsOffset + 2 * place, origin, true);
  }
  putAddresses(body, gateways4, gateways6, info.gateways, 'gateways');
  putAddresses(body, dns4, dns6, info.dnsServers, 'dnsServers');
}

/** The information in a body. @throws VmbusError ERR_VMBUS_PROTOCOL */
export function decodeBinaryIpInfo(body: Uint8Array): KvpIpInfo {
  needBytes(viewOf(body), end, 'kvp', 'IP information');
  const view = viewOf(body);
  const number = body[familyOffset] ?? 0;
  const family = ipFamilies[number];
  if (family === undefined) throw protocolViolation('kvp', `address family ${number}`, { family: number });
  const v4 = getAddresses(body, addresses4);
  const v6 = getAddresses(body, addresses6);
  const masks = v4.map((_, i) => ipv4Text(body.subarray(masks4 + 4 * i, masks4 + 4 * i + 4)));
  const prefixes = v6.map((_, i) => {
    const bits = view.getUint32(prefixes6 + 4 * i, true);
    if (bits > 128) throw protocolViolation('kvp', `an IPv6 prefix of ${bits} bits`, { bits });
    return `/${bits}`;
  });
  return {
    adapterId: getText(body, adapterId.offset, adapterId.bytes),
    family,
    isDhcp: body[dhcpOffset] !== 0,
    addresses: [...v4, ...v6],
    subnets: [...masks, ...prefixes],
    gateways: [...getAddresses(body, gateways4), ...getAddresses(body, gateways6)],
    dnsServers: [...getAddresses(body, dns4), ...getAddresses(body, dns6)],
    origins: [...v4, ...v6].map((_, i) => ipOrigins[view.getUint16(originsOffset + 2 * i, true)] ?? 'unknown'),
  };
}

function putAddresses(body: Uint8Array, four: Table, six: Table, list: readonly string[], name: string): void {
  for (const [into, isOf] of [
    [four, (text: string) => !isIPv6(text)],
    [six, isIPv6],
  ] as const) {
    const texts = list.filter(isOf);
    if (texts.length > into.most) throw outOfRange(`${name}.length`, `at most ${into.most} ${into.what}`, texts.length);
    viewOf(body).setUint32(into.count, texts.length, true);
    const toBytes = into.bytes === 4 ? ipv4Bytes : ipv6Bytes;
    for (const [i, text] of texts.entries()) body.set(toBytes(text, name), into.offset + into.bytes * i);
  }
}

function getAddresses(body: Uint8Array, from: Table): string[] {
  const count = viewOf(body).getUint32(from.count, true);
  if (count > from.most) throw protocolViolation('kvp', `${count} ${from.what}, ${from.most} have room`, { count });
  const toText = from.bytes === 4 ? ipv4Text : ipv6Text;
  return Array.from({ length: count }, (_, i) =>
    toText(body.subarray(from.offset + from.bytes * i, from.offset + from.bytes * (i + 1))),
  );
}

function prefixOf(text: string): number {
  const bits = /^\/?(\d{1,3})$/.exec(text)?.[1];
  if (bits === undefined || Number(bits) > 128)
    throw invalidValue('subnets', 'must be prefixes such as /64 for IPv6', text);
  return Number(bits);
}
