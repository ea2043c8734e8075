// SPDX-License-Identifier: MIT
//
// `request()`: a packet with an id of ours, and the wait for its completion.
// Called by: opened-channel.ts. Calls: request-table.ts, outbox.ts; inbox.ts pumps while requests wait.

import { Limit } from '../limit.js';
import { Status } from '../native/binding.js';
import type { ChannelCore } from './channel-core.js';
import { timeoutError, tooLargeError } from './close-reasons.js';
import type { OutgoingPacket, QueuedSend, SendOutcome } from './outbox.js';
import { WANTS_COMPLETION } from './packet.js';
import { type PendingRequest, requestHigh, requestLow } from './request-table.js';
import { whyFull } from './send.js';
import { type Packet, PacketType, type RequestOptions } from './types.js';

/** Sends and waits. The options were checked. */
export function request(core: ChannelCore, payload: Uint8Array, options: RequestOptions): Promise<Packet> {
  if (options.signal?.aborted) return Promise.reject(options.signal.reason);
  core.checkOpen();
  const header = options.header === undefined || options.header.length === 0 ? null : options.header;
  const bytes = payload.length + (header?.length ?? 0);
  if (bytes > core.maxPayloadBytes) return Promise.reject(tooLargeError(core, bytes, core.maxPayloadBytes));
  const id = core.requests.issue();
  const packet: OutgoingPacket = {
    type: options.type ?? PacketType.inband,
    flags: WANTS_COMPLETION,
    idLow: requestLow(id),
    idHigh: requestHigh(id),
    header,
    payload,
  };
  return new Promise((resolve, reject) => {
    new Exchange(core, id, { resolve, reject }).start(packet, options);
  });
}

interface Answer {
  resolve(packet: Packet): void;
  reject(error: unknown): void;
}

/** One request, from the outbox to its completion. */
class Exchange implements PendingRequest, SendOutcome {
  readonly #core: ChannelCore;
  readonly #id: number;
  readonly #answer: Answer;
  #limit: Limit | null = null;
  /** Set while the packet waits for space. */
  #queued: QueuedSend | null = null;

  constructor(core: ChannelCore, id: number, answer: Answer) {
    this.#core = core;
    this.#id = id;
    this.#answer = answer;
  }

  start(packet: OutgoingPacket, { signal, timeoutMs }: RequestOptions): void {
    const core = this.#core;
    core.requests.add(this.#id, this);
    if (signal !== undefined || timeoutMs !== undefined) {
      this.#limit = new Limit(
        { signal, timeoutMs },
        (error) => this.#giveUp(error),
        (ms) => this.#late(ms),
      );
    }
    const status = core.outbox.write(packet);
    if (status === Status.full) this.#queue(packet);
    if (core.ending !== null) return; // which has failed all requests
    core.inbox.pump();
    core.watchWait();
  }

  complete(packet: Packet): void {
    this.#limit?.clear();
    if (this.#queued !== null) this.#core.outbox.withdraw(this.#queued);
    this.#answer.resolve(packet);
  }

  fail(error: unknown): void {
    this.#limit?.clear();
    this.#answer.reject(error);
  }

  sent(): void {
    this.#queued = null;
  }

  failed(error: unknown): void {
    this.#queued = null;
    this.#giveUp(error);
  }

  #queue(packet: OutgoingPacket): void {
    const entry = this.#core.outbox.queue(packet, this);
    if (this.#core.outbox.holds(entry)) this.#queued = entry;
  }

  #giveUp(error: unknown): void {
    this.#core.requests.remove(this.#id);
    if (this.#queued !== null) this.#core.outbox.withdraw(this.#queued);
    this.fail(error);
  }

  #late(timeoutMs: number): Error {
    return timeoutError(this.#core, 'request', timeoutMs, this.#whyLate());
  }

  #whyLate(): string {
    if (this.#queued !== null) return whyFull(this.#core);
    const { inbox } = this.#core;
    if (!inbox.isStalled) return 'the host sent no completion';
    return `${inbox.unread} other packets came first and nobody reads them, so the ring is not drained: read the channel`;
  }
}
