// SPDX-License-Identifier: MIT
//
// A guest of the network card without a ring: brings it up as Linux does, sends frames from the send buffer and from pages,
// takes frames out of the receive buffer and completes them at once, later or never. It looks at everything the host does.

import assert from 'node:assert/strict';
import { type NetvspOptions, type NetvspProvider, netvsp } from '../../dist/host/index.js';
import { encodeGpaRanges, gpaDirectType } from '../../dist/protocol/gpa-direct.js';
import {
  decodeNvspHostMessage,
  encodeNvspGuestMessage,
  encodeNvspHostMessage,
  type NvspGuestMessage,
  type NvspHostMessage,
  NvspStatus,
  NvspVersion,
  noSection,
  receiveBufferId,
} from '../../dist/protocol/nvsp.js';
import {
  decodeRndisControl,
  decodeRndisPacket,
  encodeRndisControl,
  encodeRndisPacket,
  encodeScalingParameters,
  hashKeyBytes,
  Oid,
  type PacketInfo,
  type RndisControlMessage,
} from '../../dist/protocol/rndis.js';
import { decodeTransferPages } from '../../dist/protocol/transfer-pages.js';
import { ScriptedChannel, type SentPacket } from './support/scripted-channel.js';
import { ScriptedMemory } from './support/scripted-memory.js';

const receiveGpadl = 0xe1e10;
const sendGpadl = 0xe1e11;
const inband = 6;
const transferPages = 7;
const completion = 11;
/** How a host completes what it took. */
export const success = encodeNvspHostMessage({ kind: 'rndisPacketComplete', status: NvspStatus.success });

/** A frame that arrived. */
export interface ReceivedFrame {
  readonly frame: Uint8Array;
  readonly channel: number;
  readonly info: readonly PacketInfo[];
}

/** Buffers of a guest; small, so that running out of them takes no long test. */
export interface GuestSizes {
  readonly receiveBytes?: number;
  readonly sendBytes?: number;
}

/** A guest and its card. */
export class ScriptedNetGuest {
  readonly nic: NetvspProvider;
  readonly memory = new ScriptedMemory(0x8_0000);
  readonly channels: ScriptedChannel[] = [];
  readonly frames: ReceivedFrame[] = [];
  /** Indications and whatever else answers no request. */
  readonly indications: RndisControlMessage[] = [];
  table: readonly number[] | null = null;
  /** Packets that were not completed, because {@link holds} was set. */
  readonly held: { readonly channel: ScriptedChannel; readonly transactionId: bigint; sections: readonly number[] }[] =
    [];
  holds = false;
  sectionBytes = 0;
  #nextId = 1n;
  #nextRequest = 1;
  #nextSection = 0;
  #nextPage = 16;
  readonly #completions = new Map<bigint, Uint8Array>();
  readonly #answers = new Map<number, RndisControlMessage>();
  readonly #sectionsHeld = new Set<number>();
  #error: unknown = null;
  #wake: () => void = () => undefined;

  constructor(options: NetvspOptions = {}, sizes: GuestSizes = {}) {
    this.nic = netvsp({ mac: '00:15:5d:01:02:03', ...options });
    this.memory.share(receiveGpadl, sizes.receiveBytes ?? 64 * 1806);
    this.memory.share(sendGpadl, sizes.sendBytes ?? 16 * 6144);
  }

  /** A guest with its card up. */
  static async up(options: NetvspOptions = {}, sizes: GuestSizes = {}): Promise<ScriptedNetGuest> {
    const guest = new ScriptedNetGuest(options, sizes);
    guest.open();
    await guest.negotiate();
    await guest.initialize();
    await guest.set(Oid.packetFilter, words(0x0d));
    return guest;
  }

  get primary(): ScriptedChannel {
    const [primary] = this.channels;
    assert.ok(primary, 'the guest has not opened its card');
    return primary;
  }

  /** Opens the primary channel, or a subchannel that was offered. */
  open(subchannelIndex = 0): ScriptedChannel {
    const channel = ScriptedChannel.open(this.nic, { subchannelIndex, memory: this.memory });
    this.channels[subchannelIndex] = channel;
    void this.#serve(channel);
    return channel;
  }

  /** NVSP, as Linux has it. */
  async negotiate(version: number = NvspVersion.v61, mtu = 1514, capabilities = 8n): Promise<void> {
    const init = await this.request({ kind: 'init', minVersion: version, maxVersion: version });
    assert.equal(init.kind === 'initComplete' && init.status, NvspStatus.success);
    if (version >= NvspVersion.v2) this.tell({ kind: 'ndisConfig', mtu, capabilities });
    this.tell({ kind: 'ndisVersion', major: 6, minor: version <= NvspVersion.v4 ? 1 : 30 });
    const receive = await this.request({ kind: 'receiveBuffer', gpadl: receiveGpadl, bufferId: receiveBufferId });
    assert.ok(receive.kind === 'receiveBufferComplete' && receive.status === NvspStatus.success);
    assert.equal(receive.sections.length, 1);
    const [section] = receive.sections;
    assert.ok(section?.offset === 0 && section.sectionBytes >= 68);
    assert.ok(section.sectionBytes * section.count <= this.memory.shared(receiveGpadl).length);
    this.sectionBytes = section.sectionBytes;
    const send = await this.request({ kind: 'sendBuffer', gpadl: sendGpadl, bufferId: 0 });
    assert.deepEqual(send, { kind: 'sendBufferComplete', status: NvspStatus.success, sectionBytes: 6144 });
  }

  /** RNDIS, as far as a card has to be asked. */
  async initialize(): Promise<void> {
    const answer = await this.ask({ kind: 'initialize', requestId: 0, major: 1, minor: 0, maxTransferBytes: 0x4000 });
    assert.ok(answer.kind === 'initializeComplete' && answer.status === 0);
  }

  /** Asks for subchannels, opens them and has flows spread over all channels, as Linux does. */
  async openSubchannels(count: number, table: readonly number[] = [0, 1]): Promise<void> {
    const reply = await this.request({ kind: 'subchannel', operation: 1, count });
    assert.deepEqual(reply, { kind: 'subchannel', status: NvspStatus.success, count });
    await this.until(() => this.primary.offered === count);
    for (let index = 1; index <= count; index += 1) this.open(index);
    const key = Uint8Array.from({ length: hashKeyBytes }, (_, i) => 0x6d + 7 * i);
    const parameters = { hashInfo: 0x1701, table, key };
    for (const isDisabled of [true, false])
      assert.equal(await this.set(Oid.scalingParameters, encodeScalingParameters({ ...parameters, isDisabled })), 0);
  }

  /** An NVSP request and its answer. */
  async request(message: NvspGuestMessage): Promise<NvspHostMessage> {
    return decodeNvspHostMessage(await this.completed(this.tell(message, { wantsCompletion: true })));
  }

  /** An NVSP message. Answers its id. */
  tell(message: NvspGuestMessage, options: { readonly wantsCompletion?: boolean } = {}): bigint {
    const transactionId = this.#nextId++;
    const flags = options.wantsCompletion ? 1 : 0;
    this.primary.say({ transactionId, flags, payload: encodeNvspGuestMessage(message) });
    return transactionId;
  }

  /** What a packet was completed with. */
  async completed(transactionId: bigint): Promise<Uint8Array> {
    await this.until(() => this.#completions.has(transactionId));
    const payload = this.#completions.get(transactionId);
    this.#completions.delete(transactionId);
    return payload ?? new Uint8Array();
  }

  /** An RNDIS request and its answer; `requestId` is made here. Control messages lie in pages, as with Linux. */
  async ask(message: RndisControlMessage): Promise<RndisControlMessage> {
    const requestId = this.#nextRequest++;
    const bytes = encodeRndisControl({ ...message, requestId } as RndisControlMessage);
    assert.deepEqual(await this.completed(this.sendPages([bytes], { channelType: 1 })), success);
    await this.until(() => this.#answers.has(requestId));
    const answer = this.#answers.get(requestId);
    assert.ok(answer);
    return answer;
  }

  async query(oid: number, info: Uint8Array = new Uint8Array()): Promise<{ status: number; info: Uint8Array }> {
    const answer = await this.ask({ kind: 'query', requestId: 0, oid, info });
    assert.equal(answer.kind, 'queryComplete');
    return answer.kind === 'queryComplete' ? answer : { status: -1, info };
  }

  async set(oid: number, info: Uint8Array): Promise<number> {
    const answer = await this.ask({ kind: 'set', requestId: 0, oid, info });
    return answer.kind === 'setComplete' ? answer.status : -1;
  }

  /** A frame by the send buffer. Answers the packet's id. */
  sendFrame(frame: Uint8Array, info: readonly { type: number; value: number }[] = [], channel = this.primary): bigint {
    return this.sendSection(encodeRndisPacket(frame, info), { channel });
  }

  /** RNDIS messages in the next section of the send buffer. */
  sendSection(bytes: Uint8Array, options: { channel?: ScriptedChannel; channelType?: number } = {}): bigint {
    const sections = Math.floor(this.memory.shared(sendGpadl).length / 6144);
    const sectionIndex = this.#nextSection++ % sections;
    this.memory.shared(sendGpadl).set(bytes, sectionIndex * 6144);
    const transactionId = this.#nextId++;
    const message = { kind: 'rndisPacket', channelType: options.channelType ?? 0 } as const;
    const payload = encodeNvspGuestMessage({ ...message, sectionIndex, sectionBytes: bytes.length });
    (options.channel ?? this.primary).say({ transactionId, flags: 1, payload });
    return transactionId;
  }

  /** RNDIS messages in pages that do not follow each other, each part beginning in the middle of one. */
  sendPages(parts: readonly Uint8Array[], options: { channel?: ScriptedChannel; channelType?: number } = {}): bigint {
    const ranges = parts.map((part) => this.#page(part));
    const transactionId = this.#nextId++;
    const message = { kind: 'rndisPacket', channelType: options.channelType ?? 0 } as const;
    const payload = encodeNvspGuestMessage({ ...message, sectionIndex: noSection, sectionBytes: 0 });
    const header = encodeGpaRanges(ranges);
    (options.channel ?? this.primary).say({ type: gpaDirectType, transactionId, flags: 1, header, payload });
    return transactionId;
  }

  /** The next frame that arrives. */
  async frame(): Promise<ReceivedFrame> {
    await this.until(() => this.frames.length > 0);
    return this.frames.shift() as ReceivedFrame;
  }

  /** Completes what was held, in the order given; all of it where absent. */
  completeHeld(order: readonly number[] = this.held.map((_, i) => i)): void {
    const held = order.map((i) => this.held[i]);
    for (const each of held) {
      if (!each) continue;
      this.held.splice(this.held.indexOf(each), 1);
      this.#complete(each.channel, each.transactionId, each.sections);
    }
  }

  /** A channel is closed: what it had is the host's again. */
  forgetSections(): void {
    this.#sectionsHeld.clear();
  }

  /** Waits for something to be so. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.#error) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#error) throw this.#error;
  }

  async #serve(channel: ScriptedChannel): Promise<void> {
    try {
      while (channel.isOpen) this.#take(channel, await channel.next());
    } catch (error) {
      const isEnd = error === channel.failure;
      if (channel.isOpen || (isEnd && channel === this.channels[0])) this.#error ??= error;
    }
    this.#wake();
  }

  #take(channel: ScriptedChannel, packet: SentPacket): void {
    if (packet.type === completion) this.#completions.set(packet.transactionId, packet.payload);
    else if (packet.type === transferPages) this.#receive(channel, packet);
    else {
      assert.equal(packet.type, inband);
      const message = decodeNvspHostMessage(packet.payload);
      assert.equal(message.kind, 'indirectionTable');
      this.table = message.kind === 'indirectionTable' ? message.entries : null;
    }
    this.#wake();
  }

  #receive(channel: ScriptedChannel, { header, payload, transactionId, flags }: SentPacket): void {
    const pages = decodeTransferPages(header);
    const announcement = decodeNvspHostMessage(payload);
    assert.ok(pages && announcement.kind === 'rndisPacket' && flags === 1 && transactionId !== 0n);
    assert.equal(pages.setId, receiveBufferId);
    const buffer = this.memory.shared(receiveGpadl);
    const sections: number[] = [];
    for (const { byteCount, byteOffset } of pages.ranges) {
      const section = byteOffset / this.sectionBytes;
      assert.ok(Number.isInteger(section) && byteCount <= this.sectionBytes && byteOffset + byteCount <= buffer.length);
      assert.ok(!this.#sectionsHeld.has(section), `section ${section} is the guest's`);
      this.#sectionsHeld.add(section);
      sections.push(section);
      this.#look(channel, announcement.channelType, buffer.slice(byteOffset, byteOffset + byteCount));
    }
    if (this.holds) this.held.push({ channel, transactionId, sections });
    else this.#complete(channel, transactionId, sections);
  }

  #look(channel: ScriptedChannel, channelType: number, bytes: Uint8Array): void {
    if (channelType === 0) {
      this.frames.push({ ...decodeRndisPacket(bytes), channel: channel.subchannelIndex });
      return;
    }
    assert.equal(channel, this.primary, 'control messages come on the primary channel');
    const message = decodeRndisControl(bytes);
    if ('requestId' in message) this.#answers.set(message.requestId, message);
    else this.indications.push(message);
  }

  #complete(channel: ScriptedChannel, transactionId: bigint, sections: readonly number[]): void {
    for (const section of sections) this.#sectionsHeld.delete(section);
    const payload = encodeNvspGuestMessage({ kind: 'rndisPacketComplete', status: NvspStatus.success });
    channel.say({ type: completion, transactionId, payload });
  }

  #page(bytes: Uint8Array): { byteCount: number; byteOffset: number; pages: number[] } {
    const byteOffset = 100;
    const count = Math.ceil((byteOffset + bytes.length) / 4096);
    // Neighbours in the message are no neighbours in memory.
    const pages = Array.from({ length: count }, () => {
      this.#nextPage = 16 + ((this.#nextPage - 16 + 2) % 110);
      return this.#nextPage;
    });
    for (const [i, byte] of bytes.entries()) {
      const at = byteOffset + i;
      this.memory.bytes[(pages[at >> 12] ?? 0) * 4096 + (at & 0xfff)] = byte;
    }
    return { byteCount: bytes.length, byteOffset, pages };
  }
}

/** 32-bit numbers as they stand in messages. */
export function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** A frame with a payload that tells which one it is. */
export function testFrame(
  number: number,
  options: { to?: Uint8Array; from?: Uint8Array; bytes?: number } = {},
): Uint8Array {
  const frame = new Uint8Array(options.bytes ?? 60).fill(number & 0xff, 14);
  frame.set(options.to ?? Uint8Array.of(0x00, 0x15, 0x5d, 0x01, 0x02, 0x03));
  frame.set(options.from ?? Uint8Array.of(0x02, 0, 0, 0, 0, 0x99), 6);
  frame.set([0x88, 0xb5, number >> 8, number & 0xff], 12);
  return frame;
}

/** Number of a {@link testFrame}. */
export function numberOf(frame: Uint8Array): number {
  return ((frame[14] ?? 0) << 8) | (frame[15] ?? 0);
}
