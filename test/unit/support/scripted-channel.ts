// SPDX-License-Identifier: MIT
//
// Both ends of a provider's channels without a ring: what a scripted guest says goes to the provider's session, what the
// session answers can be taken or awaited. Memory comes from scripted-memory.ts.
//
// As over a ring: the bytes of a packet are gone after the call, `send` answers false when there is no room and `onSpace`
// follows, a paused channel keeps packets, and whatever the session throws ends the channel.

import type {
  ChannelFaults,
  GuestMemory,
  HostChannel,
  HostSendOptions,
  Provider,
  ProviderSession,
} from '../../../dist/host/index.js';
import { parseGuid } from '../../../dist/index.js';
import { ScriptedMemory } from './scripted-memory.js';

/** A packet of the guest; what is absent is an in-band packet that wants no completion. */
export interface GuestPacket {
  readonly type?: number;
  readonly flags?: number;
  readonly transactionId?: bigint;
  readonly header?: Uint8Array;
  readonly payload?: Uint8Array;
}

/** A packet of the host. */
export interface SentPacket {
  readonly type: number;
  readonly flags: number;
  readonly transactionId: bigint;
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

const empty = new Uint8Array(0);

/** The host's end of a channel, and in `say`, `take` and `next` the guest's. */
export class ScriptedChannel implements HostChannel {
  readonly device = parseGuid('11111111-2222-3333-4444-555555555555');
  readonly relid: number;
  readonly subchannelIndex: number;
  readonly openData: Uint8Array;
  readonly memory: GuestMemory;
  readonly maxPayloadBytes = 0x8000;
  /** Packets that still fit into the ring to the guest. */
  room = Number.POSITIVE_INFINITY;
  isOpen = true;
  isPaused = false;
  /** What the session failed the channel with, or threw. */
  failure: unknown = null;
  /** Whether the provider withdrew the device. */
  isRescinded = false;
  /** Subchannels offered so far. */
  offered = 0;
  readonly #sent: SentPacket[] = [];
  readonly #kept: GuestPacket[] = [];
  #session: ProviderSession | null = null;
  #isWaitingForSpace = false;
  #wake: () => void = () => undefined;

  constructor(options: { subchannelIndex?: number; openData?: Uint8Array; memory?: GuestMemory } = {}) {
    this.subchannelIndex = options.subchannelIndex ?? 0;
    this.relid = 10 + this.subchannelIndex;
    this.openData = options.openData ?? new Uint8Array(120);
    this.memory = options.memory ?? new ScriptedMemory();
  }

  /** Opens a channel of the provider. */
  static open(provider: Provider, options: ConstructorParameters<typeof ScriptedChannel>[0] = {}): ScriptedChannel {
    const channel = new ScriptedChannel(options);
    channel.#guard(() => {
      channel.#session = provider.onOpen(channel);
    });
    return channel;
  }

  get faults(): ChannelFaults {
    throw new Error('a scripted channel has no faults');
  }

  /** The guest says something. */
  say(...packets: readonly GuestPacket[]): void {
    this.#kept.push(...packets);
    this.#deliver();
  }

  /** What the host sent since the last call. */
  take(): SentPacket[] {
    return this.#sent.splice(0);
  }

  /** The next packet of the host, once there is one. @throws what the channel failed with */
  async next(): Promise<SentPacket> {
    for (;;) {
      const packet = this.#sent.shift();
      if (packet) return packet;
      if (!this.isOpen) throw this.failure ?? new Error('the channel is closed');
      await this.changed();
    }
  }

  /** Resolves when the host sends something next, asks for space, or the channel ends. */
  async changed(): Promise<void> {
    await new Promise<void>((resolve) => {
      const before = this.#wake;
      this.#wake = () => {
        before();
        resolve();
      };
    });
  }

  /** Resolves with what ends the channel. */
  async ended(): Promise<unknown> {
    while (this.isOpen) await this.changed();
    return this.failure;
  }

  /** The guest made room for so many packets. */
  free(packets: number = Number.POSITIVE_INFINITY): void {
    this.room = packets;
    if (!this.#isWaitingForSpace || !this.isOpen) return;
    this.#isWaitingForSpace = false;
    this.#guard(() => this.#session?.onSpace?.());
  }

  /** The guest closes the channel. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const session = this.#session;
    this.#session = null;
    session?.onClose?.(this.isRescinded ? 'rescinded' : 'closed');
    this.#changed();
  }

  send(payload: Uint8Array, options: HostSendOptions = {}): boolean {
    if (!this.isOpen) return false;
    if (this.room < 1) {
      this.#isWaitingForSpace = true;
      this.#changed();
      return false;
    }
    this.room -= 1;
    const { type = 6, flags = 0, transactionId = 0n, header = empty } = options;
    if (header.length % 8 !== 0) throw new Error(`a header of ${header.length} bytes`);
    this.#sent.push({ type, flags, transactionId, header: header.slice(), payload: payload.slice() });
    this.#changed();
    return true;
  }

  sendMany(payloads: readonly Uint8Array[], options: Omit<HostSendOptions, 'header'> = {}): number {
    const refused = payloads.findIndex((payload) => !this.send(payload, options));
    return refused < 0 ? payloads.length : refused;
  }

  complete(transactionId: bigint, payload: Uint8Array): boolean {
    return this.send(payload, { type: 11, transactionId });
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    setImmediate(() => this.#deliver());
  }

  offerSubchannels(count: number): void {
    if (!this.isOpen) return;
    this.offered += count;
    this.#changed();
  }

  rescind(): void {
    this.leave();
    this.close();
  }

  /** The host begins to withdraw the device. */
  leave(): void {
    if (!this.isOpen || this.isRescinded) return;
    this.isRescinded = true;
    this.#guard(() => this.#session?.onWithdraw?.());
  }

  /** The host asks the session to end what is in flight. */
  async drain(): Promise<void> {
    await this.#session?.drain?.();
  }

  fail(error: unknown): void {
    if (!this.isOpen) return;
    this.failure = error;
    this.close();
  }

  #deliver(): void {
    while (this.isOpen && !this.isPaused && this.#kept.length > 0) {
      const { type = 6, flags = 0, transactionId = 0n, header = empty, payload = empty } = this.#kept.shift() ?? {};
      const bytes = { header: header.slice(), payload: payload.slice() };
      this.#guard(() => this.#session?.onPacket({ type, flags, transactionId, ...bytes }));
      // A ring would have the next packets here.
      bytes.header.fill(0xee);
      bytes.payload.fill(0xee);
    }
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(error);
    }
  }

  #changed(): void {
    const wake = this.#wake;
    this.#wake = () => undefined;
    wake();
  }
}
