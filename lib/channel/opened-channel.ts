// SPDX-License-Identifier: MIT
//
// The channel object that scripts hold: checks arguments and state, and hands over. Hop 1 of a packet's way out.
// Called by: scripts, lib/devices. Calls: send.ts, request.ts, inbox-iterator.ts, visit.ts, readable.ts, subchannel.ts.

import { type InspectOptions, inspect } from 'node:util';
import { checkInteger, checkLimits, checkOptionNames } from '../check.js';
import { invalidType } from '../errors.js';
import type { Guid } from '../guid.js';
import {
  checkPayload,
  checkSendArenaOptions,
  checkSendOptions,
  checkSubchannelOptions,
  checkTransactionId,
  OptionNames,
} from './arguments.js';
import type { ChannelCore } from './channel-core.js';
import { closeByUser } from './close.js';
import { largestRelid } from './device-place.js';
import { BatchIterator, PacketIterator } from './inbox-iterator.js';
import { inspectionOf, statsOf, textOf } from './inspection.js';
import { readable } from './readable.js';
import { request } from './request.js';
import { outgoing, send, sendPlain, trySend, trySendArena, trySendMany, trySendPlain } from './send.js';
import { OwnSendArena } from './send-arena.js';
import { reclaimChannel, shareChannel } from './share.js';
import { openSubchannel } from './subchannel.js';
import type {
  Channel,
  ChannelInspection,
  ChannelShare,
  ChannelStats,
  CloseReason,
  OpenSubchannelOptions,
  Packet,
  PacketBatch,
  PacketVisitor,
  RequestOptions,
  SendArena,
  SendArenaOptions,
  SendOptions,
} from './types.js';
import { PacketType } from './types.js';
import { callSite, forgetChannel, watchForLoss } from './unclosed.js';
import { visit } from './visit.js';

type QuickOptions = Omit<SendOptions, 'signal' | 'timeoutMs'>;

// The class is the only one who can look.
let readCore: (channel: OpenedChannel) => ChannelCore;

const noOptions: QuickOptions = {};
const noLimits: Pick<SendOptions, 'signal' | 'timeoutMs'> = {};

export class OpenedChannel implements Channel {
  static {
    readCore = (channel) => channel.#core;
  }

  readonly #core: ChannelCore;
  // A subchannel is of no use without its primary channel, which must not be collected before.
  readonly #parent: object | null;

  constructor(core: ChannelCore, origin: { readonly parent: object | null; readonly openedAt: string }) {
    this.#core = core;
    this.#parent = origin.parent;
    // A channel can't be cloned. Structured clone reads own enumerable fields; a function among them makes it refuse, with
    // the function's text in the message.
    Object.defineProperty(this, 'toThreads', { enumerable: true, value: useShareAndAttachChannelInstead });
    watchForLoss(this, core, origin.openedAt);
  }

  get device(): Guid {
    return this.#core.device;
  }

  get relid(): number {
    return this.#core.relid;
  }

  get isOpen(): boolean {
    return this.#core.ending === null;
  }

  get maxPayloadBytes(): number {
    return this.#core.maxPayloadBytes;
  }

  get closed(): Promise<CloseReason> {
    return this.#core.closed;
  }

  send(payload: Uint8Array, options?: SendOptions): Promise<void> {
    try {
      checkPayload(payload, 'payload');
      if (options === undefined) return sendPlain(this.#core, payload);
      checkSendOptions(options, OptionNames.send);
      return send(this.#core, outgoing(payload, options), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  trySend(payload: Uint8Array, options: QuickOptions = noOptions): boolean {
    checkPayload(payload, 'payload');
    if (options === noOptions) return trySendPlain(this.#core, payload);
    checkSendOptions(options, OptionNames.trySend);
    return trySend(this.#core, outgoing(payload, options));
  }

  trySendMany(payloads: readonly Uint8Array[], options: QuickOptions = noOptions): number {
    if (!Array.isArray(payloads)) throw invalidType('payloads', 'an array of Uint8Arrays', payloads);
    if (options !== noOptions) checkSendOptions(options, OptionNames.trySend);
    return trySendMany(this.#core, payloads, outgoing(nothing, options));
  }

  sendArena(options: SendArenaOptions = {}): SendArena {
    checkSendArenaOptions(options);
    const { bytes = 64 * 1024, packets = 256 } = options;
    return new OwnSendArena(this.#core, bytes, packets);
  }

  trySendArena(arena: SendArena, first: number = 0): number {
    if (!(arena instanceof OwnSendArena) || arena.owner !== this.#core) {
      throw invalidType('arena', "made by this channel's sendArena()", arena);
    }
    checkInteger(first, 'first', 0, arena.length);
    return trySendArena(this.#core, arena, first);
  }

  request(payload: Uint8Array, options: RequestOptions = noOptions): Promise<Packet> {
    try {
      checkPayload(payload, 'payload');
      if (options !== noOptions) checkSendOptions(options, OptionNames.request);
      return request(this.#core, payload, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  complete(
    packet: Pick<Packet, 'transactionId'>,
    payload: Uint8Array,
    options: Pick<SendOptions, 'signal' | 'timeoutMs'> = noLimits,
  ): Promise<void> {
    try {
      if (typeof packet !== 'object' || packet === null) throw invalidType('packet', 'a packet', packet);
      checkTransactionId(packet.transactionId, 'packet.transactionId');
      checkPayload(payload, 'payload');
      checkSendOptions(options, OptionNames.complete);
      const fields = { type: PacketType.completion, transactionId: packet.transactionId };
      return send(this.#core, outgoing(payload, fields), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Packet, undefined> {
    this.#core.checkHome();
    return new PacketIterator(this.#core, this);
  }

  batches(): AsyncIterableIterator<PacketBatch, undefined> {
    this.#core.checkHome();
    return new BatchIterator(this.#core, this);
  }

  drain(visitor: PacketVisitor, maxPackets: number = Number.MAX_SAFE_INTEGER): number {
    if (typeof visitor !== 'function') throw invalidType('visitor', 'a function', visitor);
    checkInteger(maxPackets, 'maxPackets', 1, Number.MAX_SAFE_INTEGER);
    if (this.#core.ending?.by === 'user') throw this.#core.errorOfEnding();
    this.#core.checkHome();
    return visit(this.#core, visitor, maxPackets);
  }

  async readable(options: { readonly signal?: AbortSignal } = noLimits): Promise<boolean> {
    checkOptionNames(options, OptionNames.wait);
    checkLimits(options);
    this.#core.checkHome();
    return readable(this.#core, this, options.signal);
  }

  async openSubchannel(relid: number, options: OpenSubchannelOptions = {}): Promise<Channel> {
    checkInteger(relid, 'relid', 1, largestRelid);
    checkSubchannelOptions(options);
    this.#core.checkOpen();
    const openedAt = callSite(this.openSubchannel);
    return new OpenedChannel(await openSubchannel(this.#core, relid, options), { parent: this, openedAt });
  }

  share(relid: number = this.#core.relid): ChannelShare {
    checkInteger(relid, 'relid', 1, largestRelid);
    this.#core.checkOpen();
    return shareChannel(this.#core, relid);
  }

  reclaim(relid: number = this.#core.relid): void {
    checkInteger(relid, 'relid', 1, largestRelid);
    reclaimChannel(this.#core, relid);
  }

  close(): Promise<void> {
    forgetChannel(this);
    return closeByUser(this.#core);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  ref(): void {
    if (this.isOpen) this.#core.lease.keep(this.#core, { alive: true });
  }

  unref(): void {
    if (this.isOpen) this.#core.lease.keep(this.#core, { alive: false });
  }

  stats(): ChannelStats {
    return statsOf(this.#core);
  }

  inspect(): ChannelInspection {
    return inspectionOf(this.#core);
  }

  toJSON(): ChannelInspection {
    return this.inspect();
  }
}

/** @internal The core behind a channel of this copy of the library; null for any other object. */
export function coreOf(channel: Channel): ChannelCore | null {
  return channel instanceof OpenedChannel ? readCore(channel) : null;
}

/** `console.log(channel)` */
Object.defineProperty(OpenedChannel.prototype, inspect.custom, {
  value(this: OpenedChannel, _depth: number, options: InspectOptions): string {
    return textOf(this.inspect(), options);
  },
});

const nothing = new Uint8Array(0);

/** Stands where a structured clone trips over it; its text is what the DataCloneError shows. */
const useShareAndAttachChannelInstead = (): string =>
  'a Channel belongs to its thread: post channel.share() and call attachChannel() with it there';
