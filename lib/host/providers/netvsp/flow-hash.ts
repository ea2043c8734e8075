// SPDX-License-Identifier: MIT
//
// The Toeplitz hash over the addresses and ports of a frame, by which receive-side scaling spreads flows over channels.
// Source: "RSS hashing functions" of the Windows driver documentation, whose example values the tests hold against it.

import { EtherType, frameHeaderBytes, u16 } from '../../../protocol/ethernet/frame.js';
import { IpProtocol } from '../../../protocol/ethernet/ipv4.js';
import { HashBit, hashKeyBytes } from '../../../protocol/rndis.js';

/** Two IPv6 addresses and two ports. */
const mostInputBytes = 36;
const fragmentBits = 0x3fff;
const ipv6HeaderBytes = 40;

/** Where the input of a hash lies in a frame. */
interface FlowPlace {
  /** Source and destination address. */
  readonly addresses: number;
  readonly addressBytes: number;
  /** Source and destination port; 0 where they do not count. */
  readonly ports: number;
}

/** A hash with its key. */
export class FlowHash {
  readonly #kinds: number;
  /** For each byte of input and each of its values, what it adds. */
  readonly #table = new Uint32Array(mostInputBytes * 256);

  /** @param kinds see {@link HashBit}. @param key 40 bytes */
  constructor(kinds: number, key: Uint8Array) {
    this.#kinds = kinds;
    const windows = Uint32Array.from({ length: mostInputBytes * 8 }, (_, bit) => windowAt(key, bit));
    for (let at = 0; at < mostInputBytes; at += 1) {
      for (let value = 0; value < 256; value += 1) {
        let sum = 0;
        for (let bit = 0; bit < 8; bit += 1) if (value & (0x80 >> bit)) sum ^= windows[at * 8 + bit] ?? 0;
        this.#table[at * 256 + value] = sum;
      }
    }
  }

  /** The hash of a frame without a tag; null where the guest wants none of its kind. */
  of(frame: Uint8Array): number | null {
    const place = placeOf(frame, this.#kinds);
    if (!place) return null;
    let hash = 0;
    for (let i = 0; i < place.addressBytes; i += 1) hash ^= this.#add(i, frame[place.addresses + i] ?? 0);
    if (place.ports > 0)
      for (let i = 0; i < 4; i += 1) hash ^= this.#add(place.addressBytes + i, frame[place.ports + i] ?? 0);
    return hash >>> 0;
  }

  #add(at: number, value: number): number {
    return this.#table[at * 256 + value] ?? 0;
  }
}

/** 32 bits of the key from a bit on. */
function windowAt(key: Uint8Array, bit: number): number {
  let window = 0;
  for (let i = bit; i < bit + 32; i += 1)
    window = (window << 1) | (((key[(i >> 3) % hashKeyBytes] ?? 0) >> (7 - (i & 7))) & 1);
  return window >>> 0;
}

function placeOf(frame: Uint8Array, kinds: number): FlowPlace | null {
  const type = u16(frame, 12);
  if (type === EtherType.ipv4) return ipv4Place(frame, kinds);
  return type === EtherType.ipv6 ? ipv6Place(frame, kinds) : null;
}

function ipv4Place(frame: Uint8Array, kinds: number): FlowPlace | null {
  const headerBytes = ((frame[frameHeaderBytes] ?? 0) & 0xf) * 4;
  const portsAt = frameHeaderBytes + headerBytes;
  if (headerBytes < 20 || portsAt > frame.length) return null;
  const place = { addresses: frameHeaderBytes + 12, addressBytes: 8 };
  const isWhole = (u16(frame, frameHeaderBytes + 6) & fragmentBits) === 0;
  const bit = portBit(frame[frameHeaderBytes + 9] ?? 0, HashBit.tcpIpv4, HashBit.udpIpv4);
  if (isWhole && (kinds & bit) !== 0 && portsAt + 4 <= frame.length) return { ...place, ports: portsAt };
  return (kinds & HashBit.ipv4) === 0 ? null : { ...place, ports: 0 };
}

function ipv6Place(frame: Uint8Array, kinds: number): FlowPlace | null {
  const portsAt = frameHeaderBytes + ipv6HeaderBytes;
  if (portsAt > frame.length) return null;
  const place = { addresses: frameHeaderBytes + 8, addressBytes: 32 };
  const bit = portBit(frame[frameHeaderBytes + 6] ?? 0, HashBit.tcpIpv6, HashBit.udpIpv6);
  if ((kinds & bit) !== 0 && portsAt + 4 <= frame.length) return { ...place, ports: portsAt };
  return (kinds & HashBit.ipv6) === 0 ? null : { ...place, ports: 0 };
}

function portBit(protocol: number, tcp: number, udp: number): number {
  if (protocol === IpProtocol.tcp) return tcp;
  return protocol === IpProtocol.udp ? udp : 0;
}
