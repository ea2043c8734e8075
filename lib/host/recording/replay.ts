// SPDX-License-Identifier: MIT
//
// Plays the guest's side of a recording to a provider: the same packets, as soon as the provider has said as much as it had
// said before them; and the guest's memory as it was read then.
// Called by: scripts and tests, to see that a provider still does what it did with a real guest. Calls: format.ts.

import { readFile } from 'node:fs/promises';

import { VmbusError } from '../../errors.js';
import { parseGuid } from '../../guid.js';
import type {
  ChannelFaults,
  GuestMemory,
  GuestRange,
  HostChannel,
  HostSendOptions,
  Provider,
  ProviderSession,
  SharedBuffer,
} from '../types.js';
import {
  type ChannelEvent,
  fromHex,
  type MemoryLine,
  type PacketLine,
  placesOf,
  type RecordingLine,
  toHex,
} from './format.js';

/** One opening of a channel in a recording. */
export interface RecordedChannel {
  readonly device: string;
  readonly events: readonly ChannelEvent[];
}

/** Options of {@link replay}. */
export interface ReplayOptions {
  /** How long to wait for the provider's next packet. Default 10 s. */
  readonly timeoutMs?: number;
}

/** What became of a replay. */
export interface Replayed {
  /** Packets that the provider sent, in order. */
  readonly sent: readonly PacketLine[];
  /** Packets that it had sent when it was recorded. */
  readonly recorded: readonly PacketLine[];
  /** What the provider wrote into the guest's memory, in order. */
  readonly written: readonly MemoryLine[];
  /** What it had written when it was recorded. */
  readonly recordedWritten: readonly MemoryLine[];
}

/** The channels of a recording, in the order in which they were opened. @throws VmbusError ERR_VMBUS_PROTOCOL for a file that is none */
export async function readRecording(path: string): Promise<RecordedChannel[]> {
  const text = await readFile(path, 'utf8');
  const [head, ...lines] = text.split('\n').filter((line) => line !== '');
  const first = parseLine(head ?? '', path) as { recording?: unknown; version?: unknown };
  if (first.recording !== 'vmbus' || first.version !== 1)
    throw new VmbusError('ERR_VMBUS_PROTOCOL', `${path} is no recording of version 1`, { path });
  const channels = new Map<number, { device: string; events: ChannelEvent[] }>();
  for (const line of lines) {
    const event = parseLine(line, path) as RecordingLine;
    if (!('channel' in event)) continue;
    const { channel, device } = event;
    const known = channels.get(channel) ?? { device, events: [] };
    channels.set(channel, known);
    known.events.push(event);
  }
  return [...channels.values()];
}

/**
 * Plays a recorded guest to a provider until it has nothing more to say.
 * @throws VmbusError ERR_VMBUS_TIMEOUT when the provider stays silent where it spoke before
 */
export async function replay(
  recording: RecordedChannel,
  provider: Provider,
  options: ReplayOptions = {},
): Promise<Replayed> {
  const { timeoutMs = 10_000 } = options;
  const channel = new ReplayChannel(recording.events);
  const session = provider.onOpen(channel);
  for (const [i, event] of recording.events.entries()) {
    if (event.what === 'from-guest') {
      await channel.hasSaidAllBefore(i, timeoutMs);
      session.onPacket({
        type: event.type,
        flags: event.flags,
        transactionId: BigInt(event.id),
        header: fromHex(event.header ?? ''),
        payload: fromHex(event.payload),
      });
    }
  }
  await channel.hasSaidAllBefore(recording.events.length, timeoutMs);
  channel.close(session);
  return {
    sent: channel.sent,
    recorded: recording.events.filter(isSent),
    written: channel.memory.written,
    recordedWritten: recording.events.filter(isWritten),
  };
}

function isSent(event: ChannelEvent): event is PacketLine {
  return event.what === 'to-guest';
}

function isWritten(event: ChannelEvent): event is MemoryLine {
  return event.what === 'memory-written';
}

/** A channel whose guest is a recording. */
class ReplayChannel implements HostChannel {
  readonly device = parseGuid('00000000-0000-0000-0000-000000000000');
  readonly relid = 1;
  readonly subchannelIndex: number;
  readonly maxPayloadBytes: number;
  readonly openData: Uint8Array;
  readonly memory: ReplayMemory;
  readonly sent: PacketLine[] = [];
  readonly #events: readonly ChannelEvent[];
  #heard: (() => void) | null = null;
  isOpen = true;

  constructor(events: readonly ChannelEvent[]) {
    this.#events = events;
    const open = events.find((event) => event.what === 'open');
    this.subchannelIndex = open?.subchannelIndex ?? 0;
    this.maxPayloadBytes = open?.maxPayloadBytes ?? 0;
    this.openData = fromHex(open?.data ?? '');
    this.memory = new ReplayMemory(events);
  }

  get faults(): ChannelFaults {
    throw new VmbusError('ERR_VMBUS_UNSUPPORTED', 'a replay has no ring to spoil');
  }

  async hasSaidAllBefore(event: number, timeoutMs: number): Promise<void> {
    const wanted = this.#events.slice(0, event).filter(isSent).length;
    while (this.sent.length < wanted) await this.#next(wanted, timeoutMs);
  }

  close(session: ProviderSession): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    session.onClose?.();
  }

  send(payload: Uint8Array, options: HostSendOptions = {}): boolean {
    if (!this.isOpen) return false;
    const { type = 6, flags = 0, transactionId = 0n, header } = options;
    const line = { what: 'to-guest', type, flags, id: String(transactionId), payload: toHex(payload) } as const;
    this.sent.push(header && header.length > 0 ? { ...line, header: toHex(header) } : line);
    this.#heard?.();
    return true;
  }

  sendMany(payloads: readonly Uint8Array[], options: Omit<HostSendOptions, 'header'> = {}): number {
    return payloads.filter((payload) => this.send(payload, options)).length;
  }

  complete(transactionId: bigint, payload: Uint8Array): boolean {
    return this.send(payload, { type: 11, transactionId });
  }

  pause(): void {}

  resume(): void {}

  offerSubchannels(): void {}

  rescind(): void {
    this.isOpen = false;
  }

  fail(error: unknown): void {
    this.isOpen = false;
    throw error;
  }

  async #next(wanted: number, timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        const what = `the provider has sent ${this.sent.length} packets where it had sent ${wanted} before`;
        reject(new VmbusError('ERR_VMBUS_TIMEOUT', what));
      }, timeoutMs);
      this.#heard = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#heard = null;
  }
}

/** Memory as it was read when it was recorded, each place in its order; what was never read is zero. */
class ReplayMemory implements GuestMemory {
  readonly #reads = new Map<string, string[]>();
  readonly #sizes = new Map<number, number>();
  readonly written: MemoryLine[] = [];

  constructor(events: readonly ChannelEvent[]) {
    for (const event of events) {
      if (event.what === 'buffer') this.#sizes.set(event.gpadl, event.sizeBytes);
      if (event.what !== 'memory-read') continue;
      const key = keyOf(event.gpadl, event.at);
      this.#reads.set(key, [...(this.#reads.get(key) ?? []), event.bytes]);
    }
  }

  async read(ranges: readonly GuestRange[]): Promise<Uint8Array> {
    const length = ranges.reduce((sum, range) => sum + range.length, 0);
    return this.#take(keyOf(undefined, placesOf(ranges)), length);
  }

  async write(ranges: readonly GuestRange[], bytes: Uint8Array): Promise<void> {
    this.#write({ at: placesOf(ranges), bytes: toHex(bytes) });
  }

  buffer(gpadl: number): SharedBuffer | null {
    const sizeBytes = this.#sizes.get(gpadl) ?? -1;
    if (sizeBytes < 0) return null;
    return {
      sizeBytes,
      read: async (offset, length) => this.#take(keyOf(gpadl, offset), length),
      write: async (at, bytes) => this.#write({ gpadl, at, bytes: toHex(bytes) }),
    };
  }

  #write(line: Omit<MemoryLine, 'what'>): void {
    this.written.push({ what: 'memory-written', ...line });
  }

  #take(key: string, length: number): Uint8Array {
    const bytes = fromHex(this.#reads.get(key)?.shift() ?? '');
    return bytes.length === length ? bytes : new Uint8Array(length);
  }
}

function keyOf(gpadl: number | undefined, at: unknown): string {
  return JSON.stringify([gpadl ?? null, at]);
}

function parseLine(line: string, path: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new VmbusError('ERR_VMBUS_PROTOCOL', `${path} is no recording`, { path, cause });
  }
}
