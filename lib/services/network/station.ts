// SPDX-License-Identifier: MIT
//
// The least of an IPv4 station on a network card that a script holds: it has an address, answers who asks for it and pings,
// finds its neighbours, and pings them. For looking whether a network works, not for carrying anything over it.
// Called by: scripts, `hv net ping`. Calls: devices/netvsc, protocol/ethernet.
// Source: RFC 826 (ARP), RFC 792 (ICMP), RFC 791 (IPv4).

import { randomInt } from 'node:crypto';

import { checkInteger, checkLimits, checkOptionNames, checkText } from '../../check.js';
import type { Nic } from '../../devices/netvsc.js';
import { invalidType, invalidValue, VmbusError } from '../../errors.js';
import { broadcastMac, formatIpv4, macNumber, maskOf, parseIpv4, parseMac } from '../../protocol/ethernet/address.js';
import { ArpOperation, decodeArp, encodeArp } from '../../protocol/ethernet/arp.js';
import { decodeFrame, EtherType, encodeFrame } from '../../protocol/ethernet/frame.js';
import { decodeIcmpEcho, encodeIcmpEcho, IcmpType } from '../../protocol/ethernet/icmp.js';
import { decodeIpv4, encodeIpv4, IpProtocol, type Ipv4Packet } from '../../protocol/ethernet/ipv4.js';
import { askForAddress } from './dhcp-client.js';
import type { JoinNetworkOptions, StationPingOptions, StationPong } from './types.js';
import { Waits } from './waits.js';

const defaultTimeoutMs = 3000;
const ipHeaderBytes = 28;
const nowhere = 0;

/** What a station needs to know of its network. */
export interface StationAddress {
  readonly address: number;
  readonly prefix: number;
  /** 0: there is none. */
  readonly router: number;
}

/**
 * Takes an address on the card's network, by DHCP unless one is named. The card's frames are the station's from here on.
 * @throws VmbusError ERR_VMBUS_TIMEOUT where nobody gives an address; ERR_VMBUS_BUSY where somebody reads the card's frames;
 * TypeError for options that make no sense
 * @example
 * await using station = await joinNetwork(nic);
 * const { ms } = await station.ping('10.9.9.1');
 * @category Services
 */
export async function joinNetwork(nic: Nic, options: JoinNetworkOptions = {}): Promise<NetworkStationHandle> {
  checkOptionNames(options, ['address', 'router', 'timeoutMs', 'signal']);
  checkLimits(options);
  checkText(options.address, 'options.address');
  checkText(options.router, 'options.router');
  if (typeof nic?.frames !== 'function') throw invalidType('nic', 'what openNic() gave', nic);
  const fixed = options.address === undefined ? null : parsePlace(options.address);
  const router = options.router === undefined ? null : parseIpv4(options.router, 'options.router');
  const station = new NetworkStationHandle(nic, options.timeoutMs ?? defaultTimeoutMs, options.signal);
  try {
    await station.settle(fixed, router);
    return station;
  } catch (error) {
    await station.close();
    throw error;
  }
}

/**
 * A station on a card's network. Made by {@link joinNetwork}.
 * @category Services
 */
export class NetworkStationHandle implements AsyncDisposable {
  readonly #nic: Nic;
  readonly #mac: Uint8Array;
  readonly #timeoutMs: number;
  readonly #stop = new AbortController();
  readonly #waits = new Waits();
  readonly #neighbours = new Map<number, Uint8Array>();
  readonly #identifier = randomInt(0x1_0000);
  readonly #reading: Promise<void>;
  readonly #signal: AbortSignal;
  #place: StationAddress = { address: 0, prefix: 0, router: 0 };
  #sequence = 0;

  /** @internal */
  constructor(nic: Nic, timeoutMs: number, signal: AbortSignal | undefined) {
    this.#nic = nic;
    this.#mac = parseMac(nic.mac);
    this.#timeoutMs = timeoutMs;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
    const frames = nic.frames({ signal: this.#signal });
    this.#reading = this.#read(frames);
  }

  /** @internal */
  async settle(fixed: StationAddress | null, router: number | null): Promise<void> {
    const place =
      fixed ??
      (await askForAddress({
        mac: this.#mac,
        send: (frame) => this.#nic.send(frame),
        waits: this.#waits,
        patience: this.#patience({}),
      }));
    this.#place = router === null ? place : { ...place, router };
  }

  /** `10.9.9.2` */
  get address(): string {
    return formatIpv4(this.#place.address);
  }

  get prefix(): number {
    return this.#place.prefix;
  }

  /** Null where packets for other networks go nowhere. */
  get router(): string | null {
    return this.#place.router === nowhere ? null : formatIpv4(this.#place.router);
  }

  /** Sends an echo request and waits for its answer. @throws VmbusError ERR_VMBUS_TIMEOUT; the signal's reason */
  async ping(address: string, options: StationPingOptions = {}): Promise<StationPong> {
    checkOptionNames(options, ['sizeBytes', 'timeoutMs', 'signal']);
    checkLimits(options);
    const { sizeBytes = 56 } = options;
    checkInteger(sizeBytes, 'options.sizeBytes', 0, this.#nic.mtu - ipHeaderBytes);
    const target = parseIpv4(address);
    const mac = await this.#neighbour(target, options);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const sequence = this.#sequence;
    const data = Uint8Array.from({ length: sizeBytes }, (_, i) => i & 0xff);
    const echo = encodeIcmpEcho({ type: IcmpType.echoRequest, identifier: this.#identifier, sequence, data });
    const answer = this.#waits.wait(`icmp ${target} ${sequence}`, this.#patience(options), () =>
      late(address, 'a ping'),
    );
    const start = performance.now();
    await this.#nic.send(
      this.#ipFrame(mac, {
        source: this.#place.address,
        destination: target,
        protocol: IpProtocol.icmp,
        payload: echo,
      }),
    );
    await answer;
    return { sequence, bytes: sizeBytes + 8, ms: performance.now() - start };
  }

  /** Leaves the card's frames to others. Safe to call twice. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#reading;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #patience({ timeoutMs, signal }: StationPingOptions): { timeoutMs: number; signal: AbortSignal } {
    const both = signal === undefined ? this.#signal : AbortSignal.any([signal, this.#signal]);
    return { timeoutMs: timeoutMs ?? this.#timeoutMs, signal: both };
  }

  async #neighbour(target: number, options: StationPingOptions): Promise<Uint8Array> {
    const { address, prefix, router } = this.#place;
    const mask = maskOf(prefix);
    const isNear = ((target ^ address) & mask) === 0;
    if (!isNear && router === nowhere) throw farAway(formatIpv4(target), this.address, prefix);
    const hop = isNear ? target : router;
    const known = this.#neighbours.get(hop);
    if (known !== undefined) return known;
    const answer = this.#waits.wait(`arp ${hop}`, this.#patience(options), () =>
      late(formatIpv4(hop), 'the question who has it'),
    );
    await this.#nic.send(this.#arpFrame(ArpOperation.request, broadcastMac, new Uint8Array(6), hop));
    await answer;
    return this.#neighbours.get(hop) ?? broadcastMac;
  }

  async #read(frames: AsyncIterable<{ length: number; view(i: number): Uint8Array }>): Promise<void> {
    try {
      for await (const batch of frames) {
        for (let i = 0; i < batch.length; i += 1) this.#take(batch.view(i));
      }
    } catch (error) {
      this.#waits.fail(error);
    }
    this.#waits.fail(this.#signal.aborted ? this.#signal.reason : undefined);
  }

  #take(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame === null) return;
    if (frame.type === EtherType.arp) this.#takeArp(frame.payload);
    else if (frame.type === EtherType.ipv4) this.#takeIp(decodeIpv4(frame.payload), frame.source);
  }

  #takeArp(payload: Uint8Array): void {
    const arp = decodeArp(payload);
    if (arp === null || macNumber(arp.senderMac) === macNumber(this.#mac)) return;
    if (arp.operation === ArpOperation.reply && this.#waits.has(`arp ${arp.senderAddress}`)) {
      this.#neighbours.set(arp.senderAddress, arp.senderMac.slice());
      this.#waits.resolve(`arp ${arp.senderAddress}`);
    } else if (arp.operation === ArpOperation.request && this.#isOurs(arp.targetAddress)) {
      const sender = arp.senderMac.slice();
      this.#answer(this.#arpFrame(ArpOperation.reply, sender, sender, arp.senderAddress));
    }
  }

  #takeIp(packet: Ipv4Packet | null, source: Uint8Array): void {
    if (packet === null) return;
    if (packet.protocol === IpProtocol.udp) this.#waits.offer('udp', packet);
    if (packet.protocol !== IpProtocol.icmp || !this.#isOurs(packet.destination)) return;
    const echo = decodeIcmpEcho(packet.payload);
    if (echo?.type === IcmpType.echoReply && echo.identifier === this.#identifier) {
      this.#waits.resolve(`icmp ${packet.source} ${echo.sequence}`);
    } else if (echo?.type === IcmpType.echoRequest) {
      const payload = encodeIcmpEcho({ ...echo, type: IcmpType.echoReply });
      const answer = { source: packet.destination, destination: packet.source, protocol: IpProtocol.icmp, payload };
      this.#answer(this.#ipFrame(source.slice(), answer));
    }
  }

  /** 0 is everybody's who has no address yet. */
  #isOurs(address: number): boolean {
    return address === this.#place.address && address !== 0;
  }

  #ipFrame(destination: Uint8Array, packet: Ipv4Packet): Uint8Array {
    const payload = encodeIpv4(packet);
    return encodeFrame({ destination, source: this.#mac, type: EtherType.ipv4, payload });
  }

  #arpFrame(operation: number, destination: Uint8Array, targetMac: Uint8Array, targetAddress: number): Uint8Array {
    const senderAddress = this.#place.address;
    const payload = encodeArp({ operation, senderMac: this.#mac, senderAddress, targetMac, targetAddress });
    return encodeFrame({ destination, source: this.#mac, type: EtherType.arp, payload });
  }

  // What has no room now is lost, as on any network: a host that asks and takes nothing would have us keep answers without end.
  #answer(frame: Uint8Array): void {
    try {
      this.#nic.trySend(frame);
    } catch {
      // The card's end is told to its reader.
    }
  }
}

function parsePlace(text: string): StationAddress {
  const [address = '', prefix = '24', ...more] = text.split('/');
  const bits = /^\d{1,2}$/.test(prefix) ? Number(prefix) : 33;
  if (bits < 1 || bits > 32 || more.length > 0)
    throw invalidValue('options.address', 'must be an address and a prefix (10.9.9.2/24)', text);
  return {
    address: parseIpv4(address, 'options.address'),
    prefix: bits,
    router: nowhere,
  };
}

function late(address: string, what: string): VmbusError {
  return new VmbusError('ERR_VMBUS_TIMEOUT', `${address} did not answer ${what}`, {
    facts: { address },
    hint: 'is the link up (nic.link), and is the address on this network?',
  });
}

function farAway(target: string, address: string, prefix: number): VmbusError {
  return new VmbusError(
    'ERR_VMBUS_UNSUPPORTED',
    `${target} is not on the network of ${address}/${prefix}, which has no router`,
    {
      facts: { feature: 'router', target },
      hint: 'name one: { router }',
    },
  );
}
