// SPDX-License-Identifier: MIT
//
// The network tables of /proc/net: routes, IPv6 addresses, established connections.
// Called by network.ts, services/kvp/daemon/ip-info.ts. Source: proc_net(5); addresses in /proc/net/tcp and route are 32-bit words in the byte order
// of the machine (little-endian on everything that Hyper-V runs), in if_inet6 and ipv6_route plain hexadecimal.

import { isIPv4, isIPv6 } from 'node:net';
import { under } from '../root.js';
import { readTableLines } from './proc-table.js';

/** An IP address: 4 or 16 bytes, and its text. An IPv4 address inside an IPv6 one is an IPv4 address. */
export interface Address {
  readonly bytes: Uint8Array;
  readonly text: string;
}

export interface Route {
  readonly family: 4 | 6;
  readonly name: string;
  readonly destination: Address;
  readonly prefix: number;
  /** Next hop; null where the destination is on the link. */
  readonly gateway: Address | null;
}

export interface Connection {
  readonly local: Address;
  readonly localPort: number;
  readonly remote: Address;
  readonly remotePort: number;
}

/** Route flags: up; reject. */
const usable = 0x1;
const reject = 0x200;
const established = '01';

/** Routes that lead somewhere. */
export function routes(root: string): Route[] {
  const four = readTableLines(under(root, 'proc/net/route'))
    .slice(1)
    .flatMap((line): Route[] => {
      const [name = '', destination = '', gateway = '', flags = '', , , , mask = ''] = line.split(/\s+/);
      const bits = Number.parseInt(flags, 16);
      const areWords = [destination, gateway, mask].every((word) => /^[0-9A-Fa-f]{8}$/.test(word));
      if (!areWords || (bits & usable) === 0 || (bits & reject) !== 0) return [];
      const [to, hop] = [fromWords(destination), fromWords(gateway)];
      return [{ family: 4, name, destination: to, prefix: prefixOf(fromWords(mask)), gateway: nextHop(hop) }];
    });
  const six = readTableLines(under(root, 'proc/net/ipv6_route')).flatMap((line): Route[] => {
    const [destination = '', prefix = '', , , gateway = '', , , , flags = '', name = ''] = line.trim().split(/\s+/);
    const bits = Number.parseInt(flags, 16);
    const areAddresses = [destination, gateway].every((hex) => /^[0-9a-f]{32}$/.test(hex));
    if (!areAddresses || name === 'lo' || (bits & usable) === 0 || (bits & reject) !== 0) return [];
    const [to, hop] = [fromHex(destination), fromHex(gateway)];
    return [{ family: 6, name, destination: to, prefix: Number.parseInt(prefix, 16), gateway: nextHop(hop) }];
  });
  return [...four, ...six];
}

/** IPv6 addresses of an interface. */
export function addressesOf(root: string, name: string): Address[] {
  return readTableLines(under(root, 'proc/net/if_inet6')).flatMap((line) => {
    const [hex = '', , , , , device] = line.trim().split(/\s+/);
    return device === name && /^[0-9a-f]{32}$/.test(hex) ? [fromHex(hex)] : [];
  });
}

/** Established TCP connections. */
export function connections(root: string): Connection[] {
  return ['proc/net/tcp', 'proc/net/tcp6']
    .flatMap((path) => readTableLines(under(root, path)).slice(1))
    .flatMap((line) => {
      const [, local = '', remote = '', state] = line.trim().split(/\s+/);
      const ends = [local, remote].map((end) => /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(end));
      const [a, b] = ends;
      if (state !== established || !a?.[1] || !a[2] || !b?.[1] || !b[2]) return [];
      return [
        {
          local: fromWords(a[1]),
          localPort: Number.parseInt(a[2], 16),
          remote: fromWords(b[1]),
          remotePort: Number.parseInt(b[2], 16),
        },
      ];
    });
}

/** What sshd says about the session: "client port server port". */
export function sshConnection(text: string | undefined): Connection | null {
  const [client = '', clientPort, server = '', serverPort] = (text ?? '').split(' ');
  const remote = parseAddress(client);
  const local = parseAddress(server);
  if (!remote || !local) return null;
  return { local, localPort: Number(serverPort), remote, remotePort: Number(clientPort) };
}

/** The address in a text; null for a text that is none. */
export function parseAddress(text: string): Address | null {
  const plain = text.replace(/%.*$/, '');
  if (isIPv4(plain)) return fromBytes(Uint8Array.from(plain.split('.').map(Number)));
  if (!isIPv6(plain)) return null;
  const groups = new URL(`http://[${plain}]`).hostname
    .slice(1, -1)
    .split('::')
    .map((side) => (side === '' ? [] : side.split(':')));
  const [head = [], tail = []] = groups;
  const all = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => '0'), ...tail];
  return fromHex(all.map((group) => group.padStart(4, '0')).join(''));
}

function fromWords(hex: string): Address {
  const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
  for (let word = 0; word < bytes.length; word += 4) bytes.subarray(word, word + 4).reverse();
  return fromBytes(bytes);
}

function fromHex(hex: string): Address {
  return fromBytes(Uint8Array.from(Buffer.from(hex, 'hex')));
}

function fromBytes(bytes: Uint8Array): Address {
  const isMapped =
    bytes.length === 16 &&
    bytes.subarray(0, 10).every((byte) => byte === 0) &&
    bytes[10] === 0xff &&
    bytes[11] === 0xff;
  if (isMapped) return fromBytes(bytes.slice(12));
  if (bytes.length === 4) return { bytes, text: bytes.join('.') };
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return { bytes, text: new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1) };
}

function nextHop(address: Address): Address | null {
  return address.bytes.every((byte) => byte === 0) ? null : address;
}

function prefixOf(mask: Address): number {
  return mask.bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
}
