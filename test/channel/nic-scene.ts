// SPDX-License-Identifier: MIT
//
// A network card on a served folder, opened by our own guest side, and a station on its network that the test plays.

import { once } from 'node:events';

import {
  type HostTrouble,
  type NetvspOptions,
  type NetvspProvider,
  netvsp,
  type Provider,
  SimulatedHost,
} from '../../dist/host/index.js';
import { type Nic, type NicOptions, openBus, openNic } from '../../dist/index.js';
import { parseIpv4, parseMac } from '../../dist/protocol/ethernet/address.js';
import { EtherType, encodeFrame } from '../../dist/protocol/ethernet/frame.js';
import { encodeIpv4, IpProtocol } from '../../dist/protocol/ethernet/ipv4.js';
import { encodeUdp } from '../../dist/protocol/ethernet/udp.js';

export const cardMac = '00:15:5d:01:02:03';
export const otherMac = '00:15:5d:0a:0b:0c';

export class NicScene implements AsyncDisposable {
  private constructor(
    readonly card: NetvspProvider,
    readonly host: SimulatedHost,
    readonly nic: Nic,
    /** What the host found wrong with the guest. */
    readonly troubles: readonly string[],
  ) {}

  static async open(
    card: NetvspOptions = {},
    options: NicOptions = {},
    around: (card: NetvspProvider) => Provider = (it) => it,
  ): Promise<NicScene> {
    const provider = netvsp({ mac: cardMac, ...card });
    const troubles: string[] = [];
    const onTrouble = ({ error }: HostTrouble): unknown => troubles.push(String(error));
    const host = await SimulatedHost.start({ devices: [around(provider)], bound: true, onTrouble });
    try {
      return new NicScene(provider, host, await openNic(openBus({ root: host.root }).device('net'), options), troubles);
    } catch (error) {
      await host.close();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nic.close();
    await this.host.close();
  }
}

/** Resolves when the other side of a stream has so many frames. */
export async function take(stream: NodeJS.EventEmitter & { read(): unknown }, count: number): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  while (frames.length < count) {
    const frame = stream.read() as Uint8Array | null;
    if (frame === null) await once(stream, 'readable');
    else frames.push(frame);
  }
  return frames;
}

/** A datagram to the card from a station; the port tells flows apart. */
export function datagram(payload: Uint8Array, port = 7, from = '10.9.9.1', to = '10.9.9.2'): Uint8Array {
  const [source, destination] = [parseIpv4(from), parseIpv4(to)];
  const udp = encodeUdp({ sourcePort: port, destinationPort: 7, data: payload }, { source, destination });
  const packet = encodeIpv4({ source, destination, protocol: IpProtocol.udp, payload: udp });
  return encodeFrame({
    destination: parseMac(cardMac),
    source: parseMac(otherMac),
    type: EtherType.ipv4,
    payload: packet,
  });
}
