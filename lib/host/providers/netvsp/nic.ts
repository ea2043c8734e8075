// SPDX-License-Identifier: MIT
//
// One opening of a network card: its channels, and what passes between them and the network.
// Called by: netvsp.ts (frames of the network, openings), queue-session.ts (messages and frames of the guest).

import type { VmbusError } from '../../../errors.js';
import { frameHeaderBytes, tagOf, vlanTagBytes, withoutTag, withTag } from '../../../protocol/ethernet/frame.js';
import { protocolViolation } from '../../../protocol/message-fields.js';
import { type NvspGuestMessage, RndisChannel } from '../../../protocol/nvsp.js';
import { encodeRndisPacket, PacketInfoType, packetInfoValue, type RndisPacket } from '../../../protocol/rndis.js';
import type { HostChannel } from '../../types.js';
import { Card, defaultFrameBytes } from './card.js';
import type { NicPlan } from './nic-plan.js';
import type { NicCounters } from './nic-statistics.js';
import { type NvspAnswer, NvspControl } from './nvsp-control.js';
import { QueueSession } from './queue-session.js';
import { RndisDevice } from './rndis-device.js';
import { SectionSender } from './section-sender.js';
import { Withdrawal } from './withdrawal.js';

/** Control messages that may wait; rndis-device.ts gives up on the guest before that. */
const mostControls = 512;

/** What an opening needs of its device. */
export interface NicHooks {
  readonly counters: NicCounters;
  readonly isConnected: boolean;
  /** Gives a frame of the guest to the network. */
  send(frame: Uint8Array): void;
  /** What {@link Nic.card} says changed, or the number of open channels. */
  changed(): void;
  warn(text: string): void;
  /** The primary channel is closed. */
  closed(): void;
}

/** One opening. */
export class Nic {
  readonly card: Card;
  readonly primary: QueueSession;
  readonly #hooks: NicHooks;
  /** Open channels by index. */
  readonly #queues = new Map<number, QueueSession>();
  readonly #nvsp: NvspControl;
  readonly #rndis: RndisDevice;
  readonly #controls: SectionSender;
  /** Set while the card is being withdrawn: no more frames are handed to the guest. */
  #withdrawal: Withdrawal | null = null;

  constructor(channel: HostChannel, plan: NicPlan, hooks: NicHooks) {
    const nic = this;
    this.#hooks = hooks;
    this.card = new Card(plan);
    this.primary = new QueueSession(channel, this);
    this.#queues.set(0, this.primary);
    this.#nvsp = new NvspControl(channel, this.card, (text) => hooks.warn(text));
    this.#controls = new SectionSender(channel, this.primary.writer, {
      channelType: RndisChannel.control,
      limit: mostControls,
      batch: 1,
      leavesReserve: false,
      buffer: () => this.card.receiveBuffer,
      sent: () => this.#rndis.sent(),
    });
    this.#rndis = new RndisDevice(this.card, {
      around: {
        counters: hooks.counters,
        get isConnected() {
          return hooks.isConnected && nic.#withdrawal === null;
        },
        get openChannels() {
          return nic.channels;
        },
      },
      get waiting() {
        return nic.#controls.waiting;
      },
      send: (message) => this.#controls.push(message),
      changed: () => this.#changed(),
    });
  }

  /** Channels open now. */
  get channels(): number {
    return this.#queues.size;
  }

  /** Frames that wait for the guest. */
  get waiting(): number {
    let waiting = 0;
    for (const { frames } of this.#queues.values()) waiting += frames.waiting;
    return waiting;
  }

  /** A subchannel was opened. */
  openSubchannel(channel: HostChannel): QueueSession {
    const session = new QueueSession(channel, this);
    this.#queues.set(channel.subchannelIndex, session);
    if (this.#queues.size === this.#nvsp.granted + 1) this.primary.writer.send(this.#nvsp.indirectionTable());
    this.#hooks.changed();
    return session;
  }

  /** A channel was closed. */
  closed(session: QueueSession): void {
    const { subchannelIndex } = session.channel;
    if (this.#queues.get(subchannelIndex) !== session) return;
    this.#queues.delete(subchannelIndex);
    this.card.receiveBuffer?.reclaim(session.channel);
    if (session === this.primary) {
      this.#withdrawal?.end();
      this.#hooks.closed();
    } else this.#hooks.changed();
    this.pump();
  }

  /** Resolves when nothing is in flight that the guest's driver would wait for after the withdrawal. */
  drain(): Promise<void> {
    if (this.#withdrawal === null) {
      this.#withdrawal = new Withdrawal(() => this.#isIdle);
      for (const { frames } of this.#queues.values()) frames.clear();
      this.indicateLink();
    }
    return this.#withdrawal.rest;
  }

  /** A packet of the guest came in. */
  touch(): void {
    this.#withdrawal?.touch();
  }

  /** The cable was put in or taken out. */
  indicateLink(): void {
    this.#rndis.indicateLink();
  }

  /** Sends what waits, answers first. */
  pump(): void {
    this.#controls.pump();
    for (const { frames } of this.#queues.values()) frames.pump();
  }

  /** @throws VmbusError ERR_VMBUS_PROTOCOL */
  control(session: QueueSession, message: Exclude<NvspGuestMessage, { kind: 'rndisPacket' }>): NvspAnswer {
    if (session !== this.primary) throw protocolViolation('nvsp', `the guest sent ${message.kind} on a subchannel`);
    return this.#nvsp.handle(message);
  }

  /** @throws VmbusError ERR_VMBUS_PROTOCOL */
  rndis(session: QueueSession, bytes: Uint8Array): void {
    if (session !== this.primary) throw protocolViolation('rndis', 'the guest sent a control message on a subchannel');
    if (!this.card.receiveBuffer) throw protocolViolation('rndis', 'the guest sent a control message too early');
    this.#rndis.handle(bytes);
  }

  /** The guest is done with a packet. @throws VmbusError ERR_VMBUS_PROTOCOL */
  completed(session: QueueSession, transactionId: bigint): void {
    const buffer = this.card.receiveBuffer;
    // What was handed over is void once the buffer is gone.
    if (!buffer) return;
    if (!buffer.complete(session.channel, transactionId))
      throw protocolViolation('nvsp', `the guest completed packet ${transactionId}, which it does not have`);
    this.pump();
  }

  /** A frame of the guest. @throws VmbusError ERR_VMBUS_PROTOCOL */
  sent(channel: number, { frame, info }: RndisPacket): void {
    const { counters, isConnected } = this.#hooks;
    const mostBytes = (this.card.frameBytes ?? defaultFrameBytes) + vlanTagBytes;
    if (frame.length < frameHeaderBytes || frame.length > mostBytes)
      throw protocolViolation('rndis', `a frame of ${frame.length} bytes`, { bytes: frame.length });
    if (!this.card.isInitialized || !isConnected) {
      counters.lost += 1;
      return;
    }
    counters.sent.frames += 1;
    counters.sent.bytes += frame.length;
    counters.channel(channel).sent += 1;
    const vlan = packetInfoValue(info, PacketInfoType.vlan);
    this.#hooks.send(vlan === null ? frame : withTag(frame, tagOfInfo(vlan)));
  }

  /** A packet of the guest was none. */
  malformed(error: VmbusError): void {
    this.#hooks.counters.malformed += 1;
    this.#hooks.warn(error.message);
  }

  /** Frames were handed to the guest. */
  received(channel: number, frames: number, bytes: number): void {
    this.#hooks.counters.received.frames += frames;
    this.#hooks.counters.received.bytes += bytes;
    this.#hooks.counters.channel(channel).received += frames;
  }

  /** A frame of the network. */
  deliver(frame: Uint8Array): void {
    const { card } = this;
    const { counters, isConnected } = this.#hooks;
    const tag = tagOf(frame);
    const plain = tag !== null && card.hasVlans ? withoutTag(frame) : frame;
    const mostBytes = (card.frameBytes ?? defaultFrameBytes) + (plain === frame && tag !== null ? vlanTagBytes : 0);
    const isFitting = plain.length <= mostBytes;
    if (this.#withdrawal !== null || !card.isUp || !isConnected || !isFitting || !card.wants(plain)) {
      counters.refused += 1;
      return;
    }
    const info: { type: number; value: number }[] = [];
    if (tag !== null && card.hasVlans) info.push({ type: PacketInfoType.vlan, value: infoOfTag(tag) });
    const hash = card.spread?.hash.of(plain) ?? null;
    if (hash !== null) info.push({ type: PacketInfoType.hash, value: hash });
    const queue = this.#queueOf(hash);
    if (!queue.frames.push(encodeRndisPacket(plain, info), plain.length)) counters.dropped += 1;
  }

  get #isIdle(): boolean {
    const buffer = this.card.receiveBuffer;
    return buffer?.free === buffer?.sectionCount && this.#controls.waiting === 0;
  }

  #queueOf(hash: number | null): QueueSession {
    const table = this.card.spread?.table;
    const index = hash === null || !table ? 0 : table[hash % table.length];
    return this.#queues.get(index ?? 0) ?? this.primary;
  }

  #changed(): void {
    if (!this.card.isUp) for (const { frames } of this.#queues.values()) frames.clear();
    this.#hooks.changed();
  }
}

/** The tag in a frame has its parts in another order than the information beside a frame. */
function tagOfInfo(value: number): number {
  return ((value & 0x7) << 13) | ((value & 0x8) << 9) | ((value >>> 4) & 0xfff);
}

function infoOfTag(tag: number): number {
  return (tag >>> 13) | ((tag >>> 9) & 0x8) | ((tag & 0xfff) << 4);
}
