// SPDX-License-Identifier: MIT
//
// `attachNicQueue()`: one queue of a network card in a worker thread, while another thread has the card.
// Called by: scripts. Calls: channel/attach.ts, queue.ts.

import { attachShare, checkShare } from '../../channel/attach.js';
import type { ChannelCore } from '../../channel/channel-core.js';
import { closeByUser } from '../../channel/close.js';
import { leases } from '../../channel/lease-registry.js';
import type { CloseReason } from '../../channel/types.js';
import { checkInteger, checkLimits, checkObject } from '../../check.js';
import { checkFrames, infosOf } from './arguments.js';
import { NicQueue, type QueueHooks } from './queue.js';
import { FrameReader, framesOf } from './reader.js';
import type { FrameBatch, NicQueueShare, NicQueueStats, ReceivedFrame, SendFrameOptions } from './types.js';

const batchesAhead = 4;
const mostFrameBytes = 0xffff;

/**
 * Serves a queue of a card here that `nic.shareQueue()` gave this thread. It ends when the other thread closes the card.
 * @throws VmbusError ERR_VMBUS_BUSY (used or taken back), ERR_VMBUS_CLOSED (the card was closed)
 * @example
 * // main thread: worker.postMessage(nic.shareQueue(1)), of a card opened with { queues: 2, localQueues: 1 }
 * parentPort.once('message', async (share) => {
 *   await using queue = await attachNicQueue(share);
 *   for await (const frames of queue.frames()) count += frames.length;
 * });
 * @category Devices
 */
export async function attachNicQueue(share: NicQueueShare): Promise<AttachedNicQueue> {
  checkObject(share, 'share', 'what nic.shareQueue() gave');
  checkInteger(share.queue, 'share.queue', 0, mostFrameBytes);
  checkInteger(share.maxFrameBytes, 'share.maxFrameBytes', 1, mostFrameBytes);
  checkShare(share.channel);
  const core = await attachShare(leases(), share.channel, {});
  try {
    return new AttachedNicQueue(core, share);
  } catch (error) {
    core.end({ by: 'user' });
    await core.finish();
    throw error;
  }
}

/**
 * A queue of a card in a worker thread. Made by {@link attachNicQueue}.
 * @category Devices
 */
export class AttachedNicQueue implements AsyncDisposable {
  readonly queue: number;
  readonly maxFrameBytes: number;
  /** Resolves when the queue is closed, whoever closed it. Never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #core: ChannelCore;
  readonly #reader: FrameReader;
  readonly #queue: NicQueue;

  /** @internal */
  constructor(core: ChannelCore, { queue, maxFrameBytes }: NicQueueShare) {
    this.queue = queue;
    this.maxFrameBytes = maxFrameBytes;
    this.closed = core.closed;
    this.#core = core;
    this.#reader = new FrameReader(core);
    this.#queue = new NicQueue(core, queue, this.#reader, deaf, batchesAhead);
    void core.closed.then((reason) => this.#ended(reason));
    this.#queue.pump();
  }

  /** Batches of frames. One reader at a time. @throws VmbusError ERR_VMBUS_BUSY */
  frames(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<FrameBatch, undefined> {
    checkLimits(options);
    return this.#reader.read(options.signal);
  }

  [Symbol.asyncIterator](): AsyncGenerator<ReceivedFrame, undefined> {
    return framesOf(this.#reader.read(undefined));
  }

  /** As `nic.send`, on this queue. */
  send(frames: Uint8Array | readonly Uint8Array[], options: Omit<SendFrameOptions, 'queue'> = {}): Promise<void> {
    try {
      const list = checkFrames(frames, this.maxFrameBytes, this.#core.device);
      return this.#queue.sends.send(list, infosOf(options.vlan, list.length), options.signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  stats(): NicQueueStats {
    return this.#queue.stats();
  }

  /** The other thread can share it again then. Safe to call twice. */
  async close(): Promise<void> {
    this.#queue.end(this.#core.errorOfEnding());
    await closeByUser(this.#core);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #ended(reason: CloseReason): void {
    const error = this.#core.errorOfEnding();
    this.#queue.end(error);
    this.#reader.finish(reason.by === 'user' ? undefined : error);
  }
}

/** Messages come on the primary channel alone. */
const deaf: QueueHooks = { onControl: () => undefined, onPacket: () => undefined, isAnswerAwaited: false };
