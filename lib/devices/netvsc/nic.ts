// SPDX-License-Identifier: MIT
//
// A network card that a script holds: its queues, its frames, its link.
// Made by: netvsc.ts. Calls: queue.ts (frames), control.ts (messages), scaling.ts (queues), bring-up.ts.

import { type InspectOptions, inspect } from 'node:util';

import type { ChannelCore } from '../../channel/channel-core.js';
import { closeByUser } from '../../channel/close.js';
import { reclaimChannel, shareChannel } from '../../channel/share.js';
import type { CloseReason } from '../../channel/types.js';
import { checkInteger, checkLimits } from '../../check.js';
import { invalidValue } from '../../errors.js';
import { Feed } from '../../feed.js';
import { FrameInspect } from '../../native/frame-functions.js';
import { checkFrames, checkSendOptions, infosOf, type NicSettings, type Outgoing } from './arguments.js';
import type { BufferTerms, NicFacts } from './bring-up.js';
import { NicControl } from './control.js';
import { flowOf, partsOf } from './flow.js';
import { LinkState } from './link-state.js';
import { inspectionOf, statsOf } from './nic-figures.js';
import { NicQueue, type QueueHooks } from './queue.js';
import { FrameReader, framesOf } from './reader.js';
import { shutDown, startUp } from './session.js';
import type {
  FrameBatch,
  NicEvent,
  NicInspection,
  NicLink,
  NicQueueShare,
  NicStats,
  ReceivedFrame,
  SendFrameOptions,
} from './types.js';

const noOptions: SendFrameOptions = {};

/**
 * A synthetic network card. Made by {@link openNic}.
 * @category Devices
 */
export class Nic implements AsyncDisposable {
  /** Resolves when the card is closed, whoever closed it. Never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #core: ChannelCore;
  readonly #settings: NicSettings;
  readonly #reader: FrameReader;
  readonly #control: NicControl;
  readonly #link: LinkState;
  readonly #feed = new Feed<NicEvent>();
  readonly #queues: NicQueue[] = [];
  readonly #hooks: QueueHooks;
  /** Relids of the queues by their index. */
  #relids: ReadonlyMap<number, number> = new Map();
  #granted = 1;
  #facts: NicFacts | null = null;
  #terms: BufferTerms | null = null;
  #state: NicInspection['state'] = 'opening';
  #maxFrameBytes = 0;
  #closing: Promise<void> | null = null;

  /** @internal */
  constructor(core: ChannelCore, settings: NicSettings) {
    this.#core = core;
    this.#settings = settings;
    this.#reader = new FrameReader(core);
    this.#link = new LinkState((event) => this.#feed.push(event));
    this.#control = new NicControl(settings.handshakeTimeoutMs, {
      onMessage: (message) => this.#link.takeMessage(message, this.#granted),
      onIndication: (status, buffer) => this.#link.takeIndication(status, buffer),
    });
    const control = this.#control;
    this.#hooks = {
      onControl: (bytes) => control.takeControl(bytes),
      onPacket: (packet, queue) => control.takePacket(packet, queue),
      get isAnswerAwaited() {
        return control.isAnswerAwaited;
      },
    };
    this.closed = core.closed;
    void core.closed.then((reason) => this.#ended(reason));
  }

  /** @internal Everything up to the first frame. */
  async start(): Promise<this> {
    const settings = this.#settings;
    try {
      this.#control.use(this.#addQueue(this.#core, 0));
      const begun = await startUp(this.#core, this.#control, settings, (core, index) => this.#addQueue(core, index));
      this.#facts = begun.facts;
      this.#terms = begun.terms;
      this.#granted = begun.granted;
      this.#relids = begun.relids;
      this.#link.begin(begun.facts);
      const largest = this.#queues[0]?.words()[FrameInspect.largestFrame] ?? 0;
      this.#maxFrameBytes = Math.min(largest, this.mtu + mostHeaderBytes);
      this.#state = 'up';
      return this;
    } catch (error) {
      await this.#abandon(error);
      throw error;
    }
  }

  /** The address that the card has now. */
  get mac(): string {
    return this.#facts?.mac ?? '';
  }

  get mtu(): number {
    return this.#facts?.mtu ?? this.#settings.mtu;
  }

  /** Longest frame that can be sent, in bytes. */
  get maxFrameBytes(): number {
    return this.#maxFrameBytes;
  }

  get link(): NicLink {
    return this.#link.now;
  }

  /** Channels in use, of this thread and of others. */
  get queues(): number {
    return this.#granted;
  }

  get isOpen(): boolean {
    return this.#state === 'up';
  }

  /** Batches of frames, of all queues of this thread. One reader at a time. @throws VmbusError ERR_VMBUS_BUSY */
  frames(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<FrameBatch, undefined> {
    checkLimits(options);
    return this.#reader.read(options.signal);
  }

  /** One frame after the other, each with a copy of its own. @throws VmbusError ERR_VMBUS_BUSY */
  [Symbol.asyncIterator](): AsyncGenerator<ReceivedFrame, undefined> {
    return framesOf(this.#reader.read(undefined));
  }

  /**
   * Sends a frame or several, in order. Resolves when all are on their way to the host; leave them alone until then.
   * @throws VmbusError ERR_VMBUS_TOO_LARGE, ERR_VMBUS_CLOSED, ERR_VMBUS_RESCINDED; the signal's reason
   */
  send(frames: Uint8Array | readonly Uint8Array[], options: SendFrameOptions = noOptions): Promise<void> {
    try {
      const { list, infos, queue } = this.#outgoing(frames, options);
      if (queue !== null || list.length < 2) return this.#queueOf(queue, list).sends.send(list, infos, options.signal);
      return this.#sendSpread(list, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends as many of the frames as have room now, on one queue; answers how many. */
  trySend(frames: Uint8Array | readonly Uint8Array[], options: Omit<SendFrameOptions, 'signal'> = noOptions): number {
    const { list, infos, queue } = this.#outgoing(frames, options);
    return this.#queueOf(queue, list).sends.trySend(list, infos);
  }

  /** What the card tells from now on: link, speed, flows. Ends with the card; throws if that failed. */
  events(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<NicEvent> {
    checkLimits(options);
    return this.#feed.watch(options.signal);
  }

  /**
   * Lends a queue that this thread does not serve itself to a worker thread: a value to post there, for {@link attachNicQueue}.
   * @throws VmbusError ERR_VMBUS_BUSY while another thread has it; RangeError
   */
  shareQueue(queue: number): NicQueueShare {
    checkInteger(queue, 'queue', 0, this.#granted - 1);
    const relid = this.#relids.get(queue);
    if (relid === undefined || queue < this.#queues.length)
      throw invalidValue('queue', 'must be one that this thread does not serve itself (localQueues)', queue);
    return { channel: shareChannel(this.#core, relid), queue, maxFrameBytes: this.maxFrameBytes };
  }

  /** Takes a queue back from a thread that is done with it or has ended; one that is still there loses it. */
  reclaimQueue(queue: number): void {
    checkInteger(queue, 'queue', 0, this.#granted - 1);
    const relid = this.#relids.get(queue);
    if (relid !== undefined && queue >= this.#queues.length) reclaimChannel(this.#core, relid);
  }

  stats(): NicStats {
    return statsOf(this.#queues, this.#control);
  }

  inspect(): NicInspection {
    return inspectionOf({
      state: this.#state,
      device: this.#core.device,
      facts: this.#facts,
      terms: this.#terms,
      mtu: this.mtu,
      maxFrameBytes: this.#maxFrameBytes,
      link: this.link,
      queues: { wanted: this.#settings.queues, granted: this.#granted, local: this.#queues.length },
      words: this.#queues[0]?.words() ?? new Float64Array(FrameInspect.words),
      stats: this.stats(),
    });
  }

  /** Whether the open card keeps the process alive (default yes). */
  ref(): void {
    if (this.isOpen) this.#core.lease.keep(this.#core, { alive: true });
  }

  unref(): void {
    if (this.isOpen) this.#core.lease.keep(this.#core, { alive: false });
  }

  /** Stops the frames, gives the buffers back, closes the channels. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    if (this.#core.ending === null && this.#terms !== null) await shutDown(this.#control, this.#queues);
    for (const queue of this.#queues) queue.end(undefined);
    await closeByUser(this.#core);
  }

  async #abandon(error: unknown): Promise<void> {
    for (const queue of this.#queues) queue.end(error);
    this.#state = 'closed';
    this.#core.end({ by: 'user' });
    await this.#core.finish();
  }

  #addQueue(core: ChannelCore, index: number): NicQueue {
    const queue = new NicQueue(core, index, this.#reader, this.#hooks, this.#settings.batchesAhead);
    this.#queues.push(queue);
    // A subchannel that breaks takes the card with it.
    if (index > 0) void core.closed.then((reason) => reason.error && this.#core.end(reason));
    return queue;
  }

  #ended(reason: CloseReason): void {
    this.#state = 'closed';
    const error = this.#core.errorOfEnding();
    for (const queue of this.#queues) queue.end(error);
    this.#control.fail(error);
    const quiet = reason.by === 'user' || reason.by === 'abort';
    this.#reader.finish(quiet ? undefined : error);
    this.#feed.finish(quiet ? {} : { error });
  }

  #outgoing(frames: Uint8Array | readonly Uint8Array[], options: SendFrameOptions): Outgoing {
    if (options !== noOptions) checkSendOptions(options, this.#queues.length);
    if (this.#core.ending !== null) throw this.#core.errorOfEnding();
    const list = checkFrames(frames, this.maxFrameBytes, this.#core.device);
    return { list, infos: infosOf(options.vlan, list.length), queue: options.queue ?? this.#only() };
  }

  /** The one queue where there is no choice. */
  #only(): number | null {
    return this.#queues.length === 1 ? 0 : null;
  }

  #queueOf(index: number | null, list: readonly Uint8Array[]): NicQueue {
    const [first] = list;
    const chosen = index ?? (first === undefined ? 0 : this.#indexFor(first));
    const queue = this.#queues[chosen] ?? this.#queues[0];
    if (queue !== undefined) return queue;
    throw this.#core.errorOfEnding();
  }

  #indexFor(frame: Uint8Array): number {
    return this.#link.queueOf(flowOf(frame), this.#granted) % this.#queues.length;
  }

  /** Each frame on the queue of its flow. */
  async #sendSpread(list: readonly Uint8Array[], options: SendFrameOptions): Promise<void> {
    const parts = partsOf(list, (frame) => this.#indexFor(frame));
    await Promise.all(
      [...parts].map(([index, part]) =>
        this.#queueOf(index, part).sends.send(part, infosOf(options.vlan, part.length), options.signal),
      ),
    );
  }
}

/** An Ethernet header and a tag. */
const mostHeaderBytes = 18;

Object.defineProperty(Nic.prototype, inspect.custom, {
  value(this: Nic, _depth: number, options: InspectOptions): string {
    return `Nic ${inspect(this.inspect(), { ...options, depth: 3 })}`;
  },
});
