// SPDX-License-Identifier: MIT
//
// A guest's kernel with sockets, and no rings: a bus that takes offers, and for each channel that it opens a pair of rings
// that hold so many bytes, as hv_sock sees them. The guest's end reads and writes packets, never more than fit.

import type {
  ChannelFaults,
  GuestMemory,
  HostChannel,
  HostSendOptions,
  Provider,
  ProviderSession,
  ServiceBus,
} from '../../../dist/host/index.js';
import type { Guid } from '../../../dist/index.js';
import { ScriptedMemory } from './scripted-memory.js';

/** Bytes that a packet takes of its ring: descriptor, payload in units of 8, trailer. */
function packetBytes(payload: Uint8Array): number {
  return 24 + Math.ceil(payload.length / 8) * 8;
}

/** One direction: packets, as many as fit into its bytes. */
class ByteRing {
  readonly #packets: Uint8Array[] = [];
  #used = 0;

  constructor(readonly dataBytes: number) {}

  get isEmpty(): boolean {
    return this.#packets.length === 0;
  }

  put(payload: Uint8Array): boolean {
    // A ring is never filled to the last byte.
    if (this.#used + packetBytes(payload) >= this.dataBytes) return false;
    this.#used += packetBytes(payload);
    // What the ring pads a packet with belongs to the payload that arrives.
    const padded = new Uint8Array(Math.ceil(payload.length / 8) * 8);
    padded.set(payload);
    this.#packets.push(padded);
    return true;
  }

  take(): Uint8Array | undefined {
    const packet = this.#packets.shift();
    if (packet) this.#used -= packetBytes(packet);
    return packet;
  }
}

/** A connection, both ends: the host's for its provider, the guest's for the test. */
export class ScriptedSocket implements HostChannel {
  readonly device: Guid;
  readonly relid = 20;
  readonly subchannelIndex = 0;
  readonly openData = new Uint8Array(120);
  readonly memory: GuestMemory = new ScriptedMemory();
  isOpen = true;
  isPaused = false;
  failure: unknown = null;
  /** Packets that the host sent in all, those that ended its half included. */
  sentByHost = 0;
  readonly #toGuest: ByteRing;
  readonly #toHost: ByteRing;
  #session: ProviderSession | null = null;
  #hostWaits = false;
  #isScheduled = false;
  #wakes: (() => void)[] = [];

  constructor(provider: Provider, dataBytes: number) {
    this.device = provider.instanceGuid as Guid;
    this.#toGuest = new ByteRing(dataBytes);
    this.#toHost = new ByteRing(dataBytes);
    this.#session = provider.onOpen(this);
  }

  get maxPayloadBytes(): number {
    return this.#toGuest.dataBytes - 32;
  }

  get faults(): ChannelFaults {
    throw new Error('a scripted socket has no faults');
  }

  // The guest's end.

  /** A packet as it is, once there is room. */
  async sendRaw(payload: Uint8Array): Promise<void> {
    while (this.isOpen && !this.#toHost.put(payload)) await this.#changed();
    this.#schedule();
  }

  /** Whether a packet of so many bytes fits now; if so it is sent. */
  trySend(bytes: Uint8Array): boolean {
    const fits = this.#toHost.put(frame(bytes));
    this.#schedule();
    return fits;
  }

  async write(bytes: Uint8Array, chunkBytes = 4088): Promise<void> {
    for (let at = 0; at < bytes.length; at += chunkBytes)
      await this.sendRaw(frame(bytes.subarray(at, at + chunkBytes)));
  }

  /** Ends the guest's half. */
  async end(): Promise<void> {
    await this.sendRaw(frame(new Uint8Array(0)));
  }

  /** The bytes of the next packet; none at the end of the host's half, null when the connection was withdrawn before. */
  async read(): Promise<Buffer | null> {
    for (;;) {
      const packet = this.#toGuest.take();
      if (packet) {
        this.#freed();
        return Buffer.from(packet.buffer, 8, new DataView(packet.buffer).getUint32(4, true));
      }
      if (!this.isOpen) return null;
      await this.#changed();
    }
  }

  /** Everything up to the end of the host's half. */
  async readAll(): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for (let part = await this.read(); part !== null && part.length > 0; part = await this.read()) parts.push(part);
    return Buffer.concat(parts);
  }

  /** Nothing is on its way any more. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
  }

  /** The guest closes the channel, or is told that it is gone. What is in its ring it can still read. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const session = this.#session;
    this.#session = null;
    session?.onClose?.();
    this.#wake();
  }

  // The host's end.

  send(payload: Uint8Array, options: HostSendOptions = {}): boolean {
    if (options.type !== undefined && options.type !== 6) throw new Error(`a packet of type ${options.type}`);
    if (packetBytes(payload) >= this.#toGuest.dataBytes) throw new Error(`${payload.length} bytes can never fit`);
    if (!this.isOpen) return false;
    this.#hostWaits = !this.#toGuest.put(payload);
    if (!this.#hostWaits) this.sentByHost += 1;
    this.#wake();
    return !this.#hostWaits;
  }

  sendMany(payloads: readonly Uint8Array[]): number {
    const refused = payloads.findIndex((payload) => !this.send(payload));
    return refused < 0 ? payloads.length : refused;
  }

  complete(): boolean {
    throw new Error('sockets have no completions');
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.#schedule();
  }

  offerSubchannels(): void {
    throw new Error('sockets have no subchannels');
  }

  rescind(): void {
    this.close();
  }

  fail(error: unknown): void {
    if (!this.isOpen) return;
    this.failure = error;
    this.close();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.isOpen && !this.isPaused) {
      const payload = this.#toHost.take();
      if (!payload) return;
      this.#session?.onPacket({ type: 6, flags: 0, transactionId: 0n, header: new Uint8Array(0), payload });
      // A ring would have the next packets here.
      payload.fill(0xee);
      this.#wake();
    }
  }

  #freed(): void {
    if (!this.#hostWaits) return;
    setImmediate(() => {
      if (!this.isOpen || !this.#hostWaits) return;
      this.#hostWaits = false;
      this.#session?.onSpace?.();
    });
  }

  async #changed(): Promise<void> {
    await new Promise<void>((resolve) => this.#wakes.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }
}

/** A bus whose guest opens what the test tells it to. */
export class ScriptedBus implements ServiceBus {
  /** Every offer so far. */
  readonly offers: { readonly provider: Provider; isWithdrawn: boolean }[] = [];
  readonly #open = new Map<Provider, ScriptedSocket>();
  /** Thrown by the next offer. */
  refusal: Error | null = null;

  offer(provider: Provider): { withdraw(): void } {
    if (this.refusal) throw this.refusal;
    const offered = { provider, isWithdrawn: false };
    this.offers.push(offered);
    return {
      withdraw: () => {
        offered.isWithdrawn = true;
        this.#open.get(provider)?.close();
      },
    };
  }

  get last(): { readonly provider: Provider; readonly isWithdrawn: boolean } {
    const offered = this.offers.at(-1);
    if (!offered) throw new Error('nothing was offered');
    return offered;
  }

  /** The guest takes the last offer. */
  open({ dataBytes = 20 * 1024 }: { readonly dataBytes?: number } = {}): ScriptedSocket {
    const { provider } = this.last;
    const socket = new ScriptedSocket(provider, dataBytes);
    this.#open.set(provider, socket);
    return socket;
  }
}

function frame(bytes: Uint8Array): Uint8Array {
  const packet = new Uint8Array(8 + bytes.length);
  const view = new DataView(packet.buffer);
  view.setUint32(0, 1, true);
  view.setUint32(4, bytes.length, true);
  packet.set(bytes, 8);
  return packet;
}
