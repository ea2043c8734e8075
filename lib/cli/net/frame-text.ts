// SPDX-License-Identifier: MIT
//
// A frame in one line: who to whom, and what it seems to be.
// Called by: dump.ts.

import type { ReceivedFrame } from '../../index.js';

const etherTypes: Readonly<Record<number, string>> = {
  2048: 'IPv4',
  2054: 'ARP',
  34525: 'IPv6',
  33024: 'VLAN',
  35020: 'LLDP',
};
const protocols: Readonly<Record<number, string>> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6' };

/** `00:15:5d:00:00:01 > ff:ff:ff:ff:ff:ff  ARP  60 bytes` */
export function frameText({ bytes, vlan, queue }: ReceivedFrame): string {
  const type = bytes.length < 14 ? 0 : ((bytes[12] ?? 0) << 8) | (bytes[13] ?? 0);
  const name = etherTypes[type] ?? `0x${type.toString(16).padStart(4, '0')}`;
  const inside = name === 'IPv4' ? ` ${ipv4Text(bytes)}` : '';
  const tag = vlan === null ? '' : `  VLAN ${vlan.id}`;
  return `${mac(bytes, 6)} > ${mac(bytes, 0)}  ${name}${inside}  ${bytes.length} bytes${tag}${queue === 0 ? '' : `  queue ${queue}`}`;
}

function ipv4Text(bytes: Uint8Array): string {
  if (bytes.length < 34) return 'cut short';
  const address = (at: number): string => [...bytes.subarray(at, at + 4)].join('.');
  const protocol = bytes[23] ?? 0;
  return `${protocols[protocol] ?? `protocol ${protocol}`} ${address(26)} > ${address(30)}`;
}

function mac(bytes: Uint8Array, at: number): string {
  return [...bytes.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
