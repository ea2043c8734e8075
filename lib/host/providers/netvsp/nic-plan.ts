// SPDX-License-Identifier: MIT
//
// Options of a network card, checked, and with their defaults.
// Called by: netvsp.ts.

import { checkFlag, checkInteger, checkText } from '../../../check.js';
import { invalidType, invalidValue } from '../../../errors.js';
import { formatMac, isGroupMac, parseMac } from '../../../protocol/ethernet/address.js';
import { NvspVersion } from '../../../protocol/nvsp.js';
import { checkProviderOptions } from '../provider-options.js';
import { type NetworkPeer, networkPeer } from './network-peer.js';
import { NetworkSwitch } from './network-switch.js';

/** Options of `netvsp`. */
export interface NetvspOptions {
  /** Address of the card. Default 00:15:5d:00:00:01, and the next one for every further card of the process. */
  readonly mac?: string;
  /** Longest packet inside a frame, in bytes: what the guest may set its MTU to. Default 1500, at most 9202. */
  readonly mtu?: number;
  /** Channels that the guest may have in all, 1 to 64. Default 1. */
  readonly queues?: number;
  /** Highest protocol version spoken: 1, 2, 4, 5, 6 or 6.1. Default 6.1. */
  readonly maxVersion?: number;
  /** Speed that the guest is told. Default 10 000. */
  readonly linkSpeedMbps?: number;
  /** Whether the cable is in. Default true. */
  readonly connected?: boolean;
  /** Frames that may wait for the guest on each channel; more are dropped and counted. Default 1024. */
  readonly queueFrames?: number;
  /** A neighbour on the card's network that answers ARP, pings and DHCP: address and prefix, such as `10.9.9.1/24`. */
  readonly peer?: string;
  /** Whether that neighbour gives addresses away. Default true. */
  readonly dhcp?: boolean;
  /** What the cable is put into. Default: a switch of its own. */
  readonly switch?: NetworkSwitch;
  readonly instanceGuid?: string;
  /** Makes the channel a fast one. */
  readonly monitorId?: number;
  /** Size of one ring with its header page, in bytes. Default: as the guest's kernel has it. */
  readonly ringBytes?: number;
  /** Name that commands know the device by. Default `net`. */
  readonly name?: string;
}

/** Options after defaults. */
export interface NicPlan {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly queues: number;
  /** Versions spoken, oldest first. */
  readonly versions: readonly number[];
  readonly linkSpeedMbps: number;
  readonly connected: boolean;
  readonly queueFrames: number;
  readonly peer: NetworkPeer | null;
  readonly network: NetworkSwitch;
}

/** Names of the options that can be said in plain data. */
export const netvspNamedOptions: readonly (keyof NetvspOptions)[] = [
  'mac',
  'mtu',
  'queues',
  'maxVersion',
  'linkSpeedMbps',
  'connected',
  'queueFrames',
  'peer',
  'dhcp',
  'instanceGuid',
  'monitorId',
  'ringBytes',
  'name',
];

const versions: readonly (readonly [name: number, version: number])[] = [
  [1, NvspVersion.v1],
  [2, NvspVersion.v2],
  [4, NvspVersion.v4],
  [5, NvspVersion.v5],
  [6, NvspVersion.v6],
  [6.1, NvspVersion.v61],
];
/** Speeds are told in units of 100 bit/s, in 32 bits. */
const mostMbps = 400_000;
let cards = 0;

/** @throws TypeError, RangeError for options that make no sense */
export function planNic(options: NetvspOptions): NicPlan {
  checkProviderOptions(options, [...netvspNamedOptions, 'switch']);
  checkFlag(options.connected, 'options.connected');
  checkFlag(options.dhcp, 'options.dhcp');
  checkText(options.peer, 'options.peer');
  const network = options.switch ?? new NetworkSwitch();
  if (!(network instanceof NetworkSwitch)) throw invalidType('options.switch', 'a NetworkSwitch', network);
  return {
    name: options.name ?? 'net',
    mtu: whole(options.mtu, 'options.mtu', [68, 9202], 1500),
    queues: whole(options.queues, 'options.queues', [1, 64], 1),
    versions: versionsUpTo(options.maxVersion ?? 6.1),
    linkSpeedMbps: whole(options.linkSpeedMbps, 'options.linkSpeedMbps', [1, mostMbps], 10_000),
    connected: options.connected ?? true,
    queueFrames: whole(options.queueFrames, 'options.queueFrames', [1, 2 ** 20], 1024),
    mac: macOf(options.mac),
    peer: peerOf(options),
    network,
  };
}

function whole(
  value: number | undefined,
  argument: string,
  [least, most]: readonly [number, number],
  otherwise: number,
): number {
  if (value !== undefined) checkInteger(value, argument, least, most);
  return value ?? otherwise;
}

function versionsUpTo(name: number): number[] {
  const last = versions.findIndex(([known]) => known === name);
  if (last < 0)
    throw invalidValue('options.maxVersion', `must be one of ${versions.map(([known]) => known).join(', ')}`, name);
  return versions.slice(0, last + 1).map(([, version]) => version);
}

function macOf(text: string | undefined): Uint8Array {
  if (text === undefined) {
    cards += 1;
    return Uint8Array.of(0x00, 0x15, 0x5d, (cards >>> 16) & 0xff, (cards >>> 8) & 0xff, cards & 0xff);
  }
  const mac = parseMac(text, 'options.mac');
  if (isGroupMac(mac) || formatMac(mac) === '00:00:00:00:00:00')
    throw invalidValue('options.mac', 'must be the address of one card, not of a group', text);
  return mac;
}

function peerOf({ peer, dhcp }: NetvspOptions): NetworkPeer | null {
  if (peer === undefined) {
    if (dhcp === true) throw invalidValue('options.dhcp', 'needs a peer that gives addresses away (peer)', dhcp);
    return null;
  }
  const [address = '', prefix] = peer.split('/');
  if (prefix !== undefined && !/^\d{1,2}$/.test(prefix))
    throw invalidValue('options.peer', 'must be an address and a prefix (10.9.9.1/24)', peer);
  return networkPeer({
    address,
    ...(prefix === undefined ? {} : { prefix: Number(prefix) }),
    ...(dhcp === undefined ? {} : { dhcp }),
  });
}
