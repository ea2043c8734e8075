// SPDX-License-Identifier: MIT
//
// An open channel without its face: the native handle, the inbox, the outbox, the requests, and how it ends.
// The lease, timers and native callbacks hold the core, never the object that scripts hold, so that a channel a script lost
// can be collected, noticed and closed.
// Called by: opened-channel.ts and the files of its methods; lease.ts (wake, leaseEnded).

import type { Guid } from '../guid.js';
import { type Binding, Inspect, Status } from '../native/binding.js';
import { BatchWriter } from './batch-writer.js';
import type { Claim } from './claim.js';
import { busyError, closedError, reasonOfStatus, rescindedError } from './close-reasons.js';
import { publishClose, publishOpen } from './diagnostics.js';
import { Inbox } from './inbox.js';
import type { Reading } from './inbox-iterator.js';
import type { Lease, LeaseMember } from './lease.js';
import { Outbox } from './outbox.js';
import { ReaderSlot } from './reader-slot.js';
import { RequestTable } from './request-table.js';
import type { OwnSendArena } from './send-arena.js';
import type { Store } from './store.js';
import type { CloseReason } from './types.js';

/** What a core is made of. */
export interface CorePlan {
  readonly device: Guid;
  readonly relid: number;
  /** Null for the primary channel, which owns the lease in its thread. */
  readonly ringFile: string | null;
  readonly monitorId: number | null;
  readonly lease: Lease;
  /** Native channel handle. */
  readonly handle: number;
  readonly isPolled: boolean;
  readonly claim: Claim;
  /** Ticket it was attached with; null for a channel of the owner's thread. */
  readonly ticket: number | null;
  readonly arenaBytes: number;
  readonly batchPackets: number;
  readonly busyPollUs: number;
}

export class ChannelCore implements LeaseMember, Reading {
  // First what every drain and every send needs, so that it lies together.
  /** Why the channel ended; null while it is open. */
  ending: CloseReason | null = null;
  readonly #binding: Binding;
  readonly #handle: number;
  // The plan's.
  readonly #ticket: number | null;
  readonly requests: RequestTable = new RequestTable();
  readonly inbox: Inbox;
  readonly slot: ReaderSlot;
  readonly outbox: Outbox;
  readonly batchWriter: BatchWriter;
  // The one that is registered.
  #sendArena: OwnSendArena | null = null;
  readonly plan: CorePlan;
  readonly device: Guid;
  readonly relid: number;
  readonly isPolled: boolean;
  readonly lease: Lease;
  readonly maxPayloadBytes: number;
  readonly closed: Promise<CloseReason>;
  /** True once everything native is gone. */
  isClosed = false;
  #resolveClosed: (reason: CloseReason) => void = () => undefined;
  #finishing: Promise<number> | null = null;
  #dependents: readonly ChannelCore[] = [];
  #lastWords: Float64Array | null = null;

  constructor(plan: CorePlan) {
    this.plan = plan;
    this.device = plan.device;
    this.relid = plan.relid;
    this.isPolled = plan.isPolled;
    this.lease = plan.lease;
    this.#binding = plan.lease.binding;
    this.#handle = plan.handle;
    this.#ticket = plan.ticket;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.maxPayloadBytes = this.#binding.largestPayload(plan.handle);
    this.slot = new ReaderSlot(this);
    this.outbox = new Outbox(this);
    this.batchWriter = new BatchWriter(this);
    this.inbox = new Inbox(this, plan);
    publishOpen(this, this.lease.nodePath);
    this.lease.add(this);
    if (this.ending === null) this.lease.keep(this, { alive: true });
  }

  // -- what the inbox and the outbox call: the native functions of this channel ------------------------------------------

  drain(): number {
    return this.isElsewhere() ? Status.closed : this.#binding.drain(this.#handle);
  }

  newMemory(bytes: number): ArrayBuffer {
    return this.#binding.newMemory(bytes);
  }

  setReceiveArena(store: Store): void {
    this.#binding.setReceiveArena(this.#handle, store.arena, store.rows);
  }

  write(type: number, flags: number, idLow: number, idHigh: number, offset8: number, body: Uint8Array): number {
    if (this.isElsewhere()) return Status.closed;
    return this.#binding.write(this.#handle, type, flags, idLow, idHigh, offset8, body);
  }

  writeArena(arena: OwnSendArena, first: number, count: number): number {
    if (this.isElsewhere()) return Status.closed;
    if (this.#sendArena !== arena) this.#binding.setSendArena(this.#handle, arena.bytes, arena.rows);
    this.#sendArena = arena;
    return this.#binding.writeMany(this.#handle, first, count);
  }

  awaitSpace(bytes: number): number {
    return this.#binding.awaitSpace(this.#handle, bytes);
  }

  watchWait(): void {
    this.lease.watchWait(this);
  }

  // -- what the lease calls ------------------------------------------------------------------------------------------------

  get isWaiting(): boolean {
    return this.inbox.isWaiting || this.outbox.queued > 0 || this.requests.size > 0;
  }

  wake(): void {
    if (this.ending !== null) return;
    if (this.outbox.queued > 0) this.outbox.pump();
    this.inbox.wake();
  }

  leaseEnded(reason: CloseReason): void {
    this.end(reason);
  }

  // -- the end -----------------------------------------------------------------------------------------------------------

  /** True when the owner took the channel back from this thread. */
  isElsewhere(): boolean {
    return this.#ticket !== null && !this.plan.claim.isHeldOn(this.#ticket);
  }

  /** @throws VmbusError ERR_VMBUS_BUSY while another thread has the channel */
  checkHome(): void {
    if (this.plan.ticket === null && !this.plan.claim.isHome) {
      throw busyError(
        this,
        'it was shared with another thread',
        'close it there, or take it back with channel.reclaim()',
      );
    }
  }

  /** @throws why the channel ended */
  checkOpen(): void {
    if (this.ending !== null) throw this.errorOfEnding();
    this.checkHome();
  }

  errorOfEnding(): unknown {
    return this.ending?.error ?? closedError(this);
  }

  breakOff(status: number): void {
    if (this.ending !== null) return;
    this.end(reasonOfStatus(this, this.#binding, this.#handle, status));
  }

  /** Ends the channel, once: nothing native is called from here on but to close. Closing itself takes its time. */
  end(reason: CloseReason): void {
    if (this.ending !== null) return;
    this.ending = reason;
    this.#lastWords = this.#inspectNow();
    const error = this.errorOfEnding();
    this.#dependents = this.#dependentsNow();
    for (const other of this.#dependents) other.end(inherited(reason, other));
    this.outbox.end(error);
    this.requests.failAll(error);
    this.inbox.end();
    void this.finish();
  }

  /** Closes what is native: this channel, and the lease if it was its last or its owner. Answers close's errno. */
  finish(): Promise<number> {
    this.#finishing ??= this.#finish();
    return this.#finishing;
  }

  async #finish(): Promise<number> {
    this.#binding.closeChannel(this.#handle);
    const { lease, plan } = this;
    lease.remove(this);
    if (this.#dependents.length > 0) await Promise.all(this.#dependents.map((other) => other.finish()));
    if (plan.ticket !== null) plan.claim.giveBack(plan.ticket);
    const isLast = lease.isOwner ? plan.ringFile === null : lease.members.length === 0;
    const errno = isLast ? await lease.close() : 0;
    this.isClosed = true;
    const reason = this.ending ?? { by: 'user' };
    publishClose(this, reason);
    this.#resolveClosed(reason);
    return errno;
  }

  // Subchannels end with the primary channel of the thread that owns the device.
  #dependentsNow(): ChannelCore[] {
    if (!this.lease.isOwner || this.plan.ringFile !== null) return [];
    return this.lease.members.filter((other): other is ChannelCore => other !== this && other instanceof ChannelCore);
  }

  /** Figures by the positions of `Inspect`: now, or as they were at the end. */
  words(): Float64Array {
    return this.#lastWords ?? this.#inspectNow();
  }

  #inspectNow(): Float64Array {
    const words = new Float64Array(Inspect.words);
    this.#binding.inspectChannel(this.#handle, words);
    return words;
  }
}

/** What the end of a primary channel means for its subchannels. */
function inherited(reason: CloseReason, other: ChannelCore): CloseReason {
  if (reason.by === 'user') return reason;
  if (reason.by === 'rescind') return { by: 'rescind', error: rescindedError(other) };
  return { by: 'owner', error: closedError(other, 'owner') };
}
