// SPDX-License-Identifier: MIT
//
// The sending side of a channel: writes at once while nobody waits, queues first come, first served when the ring is full.
// Called by: channel-core.ts, send.ts, request.ts. Calls: native/binding write, awaitSpace.
//
// A queued packet waits for the host's wake (pending_send_sz); older hosts never send it, so a timer looks as well.

import { NOTHING_AWAITED, Status } from '../native/binding.js';
import { type ChannelName, tooLargeError } from './close-reasons.js';
import { publishSent } from './diagnostics.js';
import type { CloseReason } from './types.js';

/** Descriptor units before the payload of a packet without headers. */
const plainOffset8 = 2;
const shortestRetryMs = 2;
const longestRetryMs = 256;
/** Writes that find the ring full again although the host said there is space. */
const mostContradictions = 8;

/** What the outbox needs to know of its channel. */
export interface OutboxOwner extends ChannelName {
  /** Why the channel ended; null while it is open. */
  readonly ending: CloseReason | null;
  readonly maxPayloadBytes: number;
  write(type: number, flags: number, idLow: number, idHigh: number, offset8: number, body: Uint8Array): number;
  awaitSpace(bytes: number): number;
  /** Ends the channel because of a native status. */
  breakOff(status: number): void;
}

/** A packet to send. Bytes are copied before the call that takes it returns. */
export interface OutgoingPacket {
  readonly type: number;
  /** Bit 0: we want a completion. */
  readonly flags: number;
  readonly idLow: number;
  readonly idHigh: number;
  /** Bytes between descriptor and payload, a multiple of 8. */
  readonly header: Uint8Array | null;
  readonly payload: Uint8Array;
}

/** Told once, unless the packet was withdrawn. */
export interface SendOutcome {
  sent(): void;
  failed(error: unknown): void;
}

/** A packet that waits for space. */
export class QueuedSend {
  readonly packet: OutgoingPacket;
  readonly outcome: SendOutcome;
  readonly offset8: number;
  /** Header and payload, our own copy. */
  readonly body: Uint8Array;

  constructor(packet: OutgoingPacket, outcome: SendOutcome) {
    const { header, payload } = packet;
    this.outcome = outcome;
    this.offset8 = offset8Of(header);
    this.body = header === null ? Uint8Array.prototype.slice.call(payload) : joined(header, payload);
    this.packet = { ...packet, header: null, payload: this.body.subarray(header?.length ?? 0) };
  }
}

export class Outbox {
  readonly #owner: OutboxOwner;
  readonly #queue = new Set<QueuedSend>();
  #retry: NodeJS.Timeout | undefined;
  #retryMs = shortestRetryMs;
  #isPumping = false;

  constructor(owner: OutboxOwner) {
    this.#owner = owner;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** Writes now: 0, or a status. `full` also when others wait before. Statuses that end the channel have ended it. */
  write(packet: OutgoingPacket): number {
    if (this.#queue.size > 0) return Status.full;
    const { header, payload } = packet;
    const body = header === null ? payload : joined(header, payload);
    return this.#write(packet, offset8Of(header), body);
  }

  /** The same for a packet without headers, id and options. */
  writePlain(type: number, payload: Uint8Array): number {
    if (this.#queue.size > 0) return Status.full;
    const status = this.#owner.write(type, 0, 0, 0, plainOffset8, payload);
    if (status === 0) publishSent(this.#owner, type, 0, 0, 0, payload);
    else if (status !== Status.full && status !== Status.tooLarge) this.#owner.breakOff(status);
    return status;
  }

  /** Queues a packet; its outcome hears of it later. */
  queue(packet: OutgoingPacket, outcome: SendOutcome): QueuedSend {
    const entry = new QueuedSend(packet, outcome);
    this.#queue.add(entry);
    this.pump();
    return entry;
  }

  /** Whether the packet still waits. */
  holds(entry: QueuedSend): boolean {
    return this.#queue.has(entry);
  }

  /** Takes a packet out of the queue. Its outcome is not told. */
  withdraw(entry: QueuedSend): void {
    const isFirst = this.#queue.values().next().value === entry;
    this.#queue.delete(entry);
    if (this.#queue.size === 0) this.#stopRetrying();
    // Not now: whoever withdraws may be in the middle of a drain, and a write can end the channel.
    if (isFirst) queueMicrotask(() => this.#passOn());
  }

  /** There may be space: writes what fits. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const before = this.#queue.size;
    this.#writeQueued();
    this.#isPumping = false;
    if (this.#queue.size === 0) {
      this.#stopRetrying();
      return;
    }
    if (this.#queue.size < before) this.#retryMs = shortestRetryMs;
    this.#retry ??= this.#retryLater();
  }

  /** The channel ended. */
  end(error: unknown): void {
    this.#stopRetrying();
    const entries = [...this.#queue];
    this.#queue.clear();
    for (const { outcome } of entries) outcome.failed(error);
  }

  // What the ring had no room for is not wanted any more: a smaller packet may fit; and nobody waits for the host's wake.
  #passOn(): void {
    if (this.#owner.ending !== null) return;
    if (this.#queue.size > 0) this.pump();
    else this.#stopAwaiting();
  }

  // The host would wake us for space that nobody wants.
  #stopAwaiting(): void {
    const status = this.#owner.awaitSpace(NOTHING_AWAITED);
    if (status < 0) this.#owner.breakOff(status);
  }

  // First come, first served, until the ring is full.
  #writeQueued(): void {
    let contradictions = 0;
    for (const entry of this.#queue) {
      let status = this.#write(entry.packet, entry.offset8, entry.body);
      while (status === Status.full && contradictions < mostContradictions && this.#hasSpaceFor(entry)) {
        contradictions += 1;
        status = this.#write(entry.packet, entry.offset8, entry.body);
      }
      if (status === Status.full || this.#owner.ending !== null) return;
      this.#queue.delete(entry);
      if (status === 0) entry.outcome.sent();
      else entry.outcome.failed(tooLargeError(this.#owner, entry.body.length, this.#owner.maxPayloadBytes));
    }
  }

  // Asks for a wake. True: there is space now, and no wake will come.
  #hasSpaceFor(entry: QueuedSend): boolean {
    const status = this.#owner.awaitSpace(entry.body.length);
    if (status < 0) this.#owner.breakOff(status);
    return status === 1;
  }

  #write(packet: OutgoingPacket, offset8: number, body: Uint8Array): number {
    const { type, flags, idLow, idHigh, payload } = packet;
    const status = this.#owner.write(type, flags, idLow, idHigh, offset8, body);
    if (status === 0) publishSent(this.#owner, type, flags, idLow, idHigh, payload);
    else if (status !== Status.full && status !== Status.tooLarge) this.#owner.breakOff(status);
    return status;
  }

  #retryLater(): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#retry = undefined;
      this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
      this.pump();
    }, this.#retryMs);
    return timer.unref();
  }

  #stopRetrying(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#retryMs = shortestRetryMs;
  }
}

function offset8Of(header: Uint8Array | null): number {
  return plainOffset8 + (header === null ? 0 : header.length / 8);
}

function joined(header: Uint8Array, payload: Uint8Array): Uint8Array {
  const body = new Uint8Array(header.length + payload.length);
  body.set(header);
  body.set(payload, header.length);
  return body;
}
