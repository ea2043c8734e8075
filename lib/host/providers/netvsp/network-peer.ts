// SPDX-License-Identifier: MIT
//
// A neighbour on a simulated network, so that a guest has somebody to talk to: answers ARP, pings, UDP echo (port 7), and
// gives addresses away by DHCP. Packets in pieces are not answered, nor is anything with a VLAN tag.
// Called by: scripts, netvsp.ts (its option `peer`).

import { checkFlag, checkInteger, checkOptionNames, checkText } from '../../../check.js';
import {
  broadcastMac,
  formatIpv4,
  formatMac,
  isGroupMac,
  macNumber,
  maskOf,
  parseIpv4,
  parseMac,
} from '../../../protocol/ethernet/address.js';
import { ArpOperation, decodeArp, encodeArp } from '../../../protocol/ethernet/arp.js';
import {
  addressBytes,
  addressOption,
  type DhcpMessage,
  DhcpOp,
  DhcpOption,
  DhcpType,
  decodeDhcp,
  dhcpClientPort,
  dhcpServerPort,
  encodeDhcp,
} from '../../../protocol/ethernet/dhcp.js';
import { decodeFrame, type EthernetFrame, EtherType, encodeFrame, putU32 } from '../../../protocol/ethernet/frame.js';
import { decodeIcmpEcho, encodeIcmpEcho, IcmpType } from '../../../protocol/ethernet/icmp.js';
import { decodeIpv4, encodeIpv4, IpProtocol, type Ipv4Packet } from '../../../protocol/ethernet/ipv4.js';
import { decodeUdp, encodeUdp } from '../../../protocol/ethernet/udp.js';
import type { NetworkStation, SwitchPort } from './network-switch.js';
import { PeerLeases } from './peer-leases.js';

/** Options of {@link networkPeer}. */
export interface NetworkPeerOptions {
  /** IPv4 address. */
  readonly address: string;
  /** Bits of the network's prefix. Default 24. */
  readonly prefix?: number;
  /** Gives addresses of its network away, with itself as router. Default true. */
  readonly dhcp?: boolean;
  /** How long an address is given for. Default a day. */
  readonly leaseSeconds?: number;
  /** Default: 00:15:5d:ff and the last two numbers of the address. */
  readonly mac?: string;
}

/** What a peer has answered. */
export interface NetworkPeerStatistics {
  readonly arps: number;
  readonly pings: number;
  readonly udpEchoes: number;
  /** Every message of a DHCP client that was answered. */
  readonly dhcps: number;
}

/** A neighbour on a network; give it to `NetworkSwitch.connect`. */
export interface NetworkPeer extends NetworkStation {
  readonly address: string;
  readonly mac: string;
  /** Addresses given away, by MAC address. */
  readonly leases: ReadonlyMap<string, string>;
  readonly statistics: NetworkPeerStatistics;
}

const echoPort = 7;
const everybody = 0xffff_ffff;
const daySeconds = 86_400;

/**
 * A neighbour that answers ARP, pings and DHCP.
 * @throws TypeError, RangeError for options that make no sense
 * @example
 * const lan = new NetworkSwitch();
 * lan.connect(networkPeer({ address: '10.9.9.1', prefix: 24 }));
 * await using host = await SimulatedHost.start({ devices: [netvsp({ switch: lan })] });
 */
export function networkPeer(options: NetworkPeerOptions): NetworkPeer {
  checkOptionNames(options, ['address', 'prefix', 'dhcp', 'leaseSeconds', 'mac']);
  checkFlag(options.dhcp, 'options.dhcp');
  checkText(options.mac, 'options.mac');
  if (options.prefix !== undefined) checkInteger(options.prefix, 'options.prefix', 8, 30);
  if (options.leaseSeconds !== undefined) checkInteger(options.leaseSeconds, 'options.leaseSeconds', 1, everybody);
  return new Peer(options);
}

class Peer implements NetworkPeer {
  readonly name: string;
  readonly #mac: Uint8Array;
  readonly #address: number;
  readonly #prefix: number;
  readonly #leaseSeconds: number;
  readonly #leases: PeerLeases | null;
  readonly #count = { arps: 0, pings: 0, udpEchoes: 0, dhcps: 0 };
  #port: SwitchPort | null = null;

  constructor(options: NetworkPeerOptions) {
    const { prefix = 24, dhcp = true, leaseSeconds = daySeconds, mac } = options;
    this.#address = parseIpv4(options.address, 'options.address');
    this.#mac = mac === undefined ? macOf(this.#address) : parseMac(mac, 'options.mac');
    this.#prefix = prefix;
    this.#leaseSeconds = leaseSeconds;
    this.#leases = dhcp ? new PeerLeases(this.#address, prefix) : null;
    this.name = `peer ${this.address}`;
  }

  get address(): string {
    return formatIpv4(this.#address);
  }

  get mac(): string {
    return formatMac(this.#mac);
  }

  get leases(): ReadonlyMap<string, string> {
    return new Map([...(this.#leases?.byMac ?? [])].map(([mac, address]) => [mac, formatIpv4(address)]));
  }

  get statistics(): NetworkPeerStatistics {
    return { ...this.#count };
  }

  attach(port: SwitchPort): void {
    this.#port = port;
  }

  deliver(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (!frame || !(isGroupMac(frame.destination) || macNumber(frame.destination) === macNumber(this.#mac))) return;
    if (frame.type === EtherType.arp) this.#answerArp(frame);
    else if (frame.type === EtherType.ipv4) this.#answerIp(frame);
  }

  #answerArp(frame: EthernetFrame): void {
    const arp = decodeArp(frame.payload);
    if (arp?.operation !== ArpOperation.request || arp.targetAddress !== this.#address) return;
    this.#count.arps += 1;
    const payload = encodeArp({
      operation: ArpOperation.reply,
      senderMac: this.#mac,
      senderAddress: this.#address,
      targetMac: arp.senderMac,
      targetAddress: arp.senderAddress,
    });
    this.#send(frame.source, EtherType.arp, payload);
  }

  #answerIp(frame: EthernetFrame): void {
    const packet = decodeIpv4(frame.payload);
    if (!packet) return;
    const isMine = packet.destination === this.#address;
    if (packet.protocol === IpProtocol.icmp && isMine) this.#answerPing(frame, packet);
    else if (packet.protocol === IpProtocol.udp && (isMine || packet.destination === everybody))
      this.#answerUdp(frame, packet);
  }

  #answerPing(frame: EthernetFrame, packet: Ipv4Packet): void {
    const echo = decodeIcmpEcho(packet.payload);
    if (echo?.type !== IcmpType.echoRequest) return;
    this.#count.pings += 1;
    const payload = encodeIcmpEcho({ ...echo, type: IcmpType.echoReply });
    this.#sendIp(frame.source, { destination: packet.source, protocol: IpProtocol.icmp, payload });
  }

  #answerUdp(frame: EthernetFrame, packet: Ipv4Packet): void {
    const datagram = decodeUdp(packet.payload, packet);
    if (!datagram) return;
    const { sourcePort, destinationPort, data } = datagram;
    if (destinationPort === dhcpServerPort) this.#answerDhcp(decodeDhcp(data));
    if (destinationPort !== echoPort || packet.destination !== this.#address) return;
    this.#count.udpEchoes += 1;
    this.#sendUdp(frame.source, packet.source, { sourcePort: echoPort, destinationPort: sourcePort, data });
  }

  #answerDhcp(message: DhcpMessage | null): void {
    if (!message || !this.#leases || message.op !== DhcpOp.request) return;
    const type = message.options.get(DhcpOption.messageType)?.[0];
    const server = addressOption(message.options, DhcpOption.serverId);
    const isForMe = server === null || server === this.#address;
    const wished = addressOption(message.options, DhcpOption.requestedAddress);
    if (type === DhcpType.discover) {
      const address = this.#leases.give(message.clientMac, wished);
      if (address !== null) this.#reply(message, DhcpType.offer, address);
    } else if (type === DhcpType.request && isForMe) {
      const asked = wished ?? message.clientAddress;
      const address = this.#leases.give(message.clientMac, asked);
      if (address === asked) this.#reply(message, DhcpType.ack, address);
      else this.#reply(message, DhcpType.nak, 0);
    } else if (type === DhcpType.inform) this.#reply(message, DhcpType.ack, 0);
    else if (type === DhcpType.release) this.#leases.release(message.clientMac);
    else if (type === DhcpType.decline) this.#leases.decline(message.clientMac);
  }

  #reply(message: DhcpMessage, type: number, yourAddress: number): void {
    this.#count.dhcps += 1;
    const seconds = new Uint8Array(4);
    putU32(seconds, 0, this.#leaseSeconds);
    const options = new Map<number, Uint8Array>([
      [DhcpOption.messageType, Uint8Array.of(type)],
      [DhcpOption.serverId, addressBytes(this.#address)],
    ]);
    if (yourAddress !== 0) options.set(DhcpOption.leaseSeconds, seconds);
    if (type !== DhcpType.nak) {
      options.set(DhcpOption.subnetMask, addressBytes(maskOf(this.#prefix)));
      options.set(DhcpOption.router, addressBytes(this.#address));
    }
    const data = encodeDhcp({ ...message, op: DhcpOp.reply, yourAddress, serverAddress: this.#address, options });
    const address = message.clientAddress || yourAddress;
    const toAll = type === DhcpType.nak || address === 0 || (message.wantsBroadcast && message.clientAddress === 0);
    const ports = { sourcePort: dhcpServerPort, destinationPort: dhcpClientPort };
    this.#sendUdp(toAll ? broadcastMac : message.clientMac, toAll ? everybody : address, { ...ports, data });
  }

  #sendUdp(to: Uint8Array, destination: number, datagram: Parameters<typeof encodeUdp>[0]): void {
    const payload = encodeUdp(datagram, { source: this.#address, destination });
    this.#sendIp(to, { destination, protocol: IpProtocol.udp, payload });
  }

  #sendIp(to: Uint8Array, packet: Omit<Ipv4Packet, 'source'>): void {
    this.#send(to, EtherType.ipv4, encodeIpv4({ source: this.#address, ...packet }));
  }

  #send(destination: Uint8Array, type: number, payload: Uint8Array): void {
    this.#port?.send(encodeFrame({ destination, source: this.#mac, type, payload }));
  }
}

function macOf(address: number): Uint8Array {
  return Uint8Array.of(0x00, 0x15, 0x5d, 0xff, (address >>> 8) & 0xff, address & 0xff);
}
