// SPDX-License-Identifier: MIT
//
// Both ends of a channel over the local simulated host, for tests: the guest's channel and the host's.

import { randomUUID } from 'node:crypto';
import type { Bus, Device } from '../../dist/bus/index.js';
import { openBus } from '../../dist/bus/index.js';
import { type Channel, type OpenChannelOptions, openChannel } from '../../dist/channel/index.js';
import { type Guid, parseGuid } from '../../dist/guid.js';
import { type HostChannel, type HostPacket, type Provider, SimulatedHost } from '../../dist/host/index.js';

const classGuid = parseGuid('6a3b0000-7e57-4e57-9e57-00000000cafe');

/** A provider that leaves everything to the test. */
export class Scripted implements Provider {
  readonly name: string;
  readonly classGuid = classGuid;
  readonly instanceGuid: Guid = parseGuid(randomUUID());
  readonly ringBytes: number;
  /** Host's ends, in the order of their openings. */
  readonly opened: HostChannel[] = [];
  readonly packets: {
    readonly type: number;
    readonly flags: number;
    readonly transactionId: bigint;
    readonly payload: Uint8Array;
  }[] = [];
  onPacket: (channel: HostChannel, packet: HostPacket) => void = () => undefined;
  onSpace: (channel: HostChannel) => void = () => undefined;
  onOpened: (channel: HostChannel) => void = () => undefined;

  constructor(name = 'scripted', ringBytes = 64 * 1024) {
    this.name = name;
    this.ringBytes = ringBytes;
  }

  onOpen(channel: HostChannel): ReturnType<Provider['onOpen']> {
    this.opened.push(channel);
    this.onOpened(channel);
    return {
      onPacket: (packet) => {
        const { type, flags, transactionId } = packet;
        this.packets.push({ type, flags, transactionId, payload: packet.payload.slice() });
        this.onPacket(channel, packet);
      },
      onSpace: () => this.onSpace(channel),
    };
  }

  /** The end of the last opening of a primary channel. */
  get host(): HostChannel {
    const channel = this.opened.findLast(({ subchannelIndex }) => subchannelIndex === 0);
    if (channel === undefined) throw new Error('nobody opened the channel');
    return channel;
  }
}

/** A host with providers of a test, its bus, and a channel on the first. */
export class Pair implements AsyncDisposable {
  readonly host: SimulatedHost;
  readonly bus: Bus;
  readonly provider: Scripted;
  readonly channel: Channel;

  private constructor(host: SimulatedHost, bus: Bus, provider: Scripted, channel: Channel) {
    this.host = host;
    this.bus = bus;
    this.provider = provider;
    this.channel = channel;
  }

  static async open(provider: Scripted = new Scripted(), options: OpenChannelOptions = {}): Promise<Pair> {
    const host = await SimulatedHost.start({ devices: [provider], bound: true });
    const bus = openBus({ root: host.root });
    const channel = await openChannel(bus.device(provider.instanceGuid), options);
    return new Pair(host, bus, provider, channel);
  }

  get device(): Device {
    return this.bus.device(this.provider.instanceGuid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.channel.close();
    await this.host.close();
  }
}

/** Runs a test over a pair of ends, and closes everything whatever comes. */
export async function withPair(
  test: (pair: Pair) => Promise<void>,
  provider?: Scripted,
  options?: OpenChannelOptions,
): Promise<void> {
  const pair = await Pair.open(provider, options);
  try {
    await test(pair);
  } finally {
    await pair[Symbol.asyncDispose]();
  }
}

/** Gives the event loop a turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves when the condition holds; looks once a turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** Bytes that tell where they belong: any mix-up shows. */
export function patterned(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (seed * 31 + i * 7) & 0xff;
  return bytes;
}

/** A small generator of numbers that are the same in every run. */
export function sequence(seed: number): (most: number) => number {
  let state = seed;
  return (most) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
}
