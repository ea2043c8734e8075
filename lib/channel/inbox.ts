// SPDX-License-Identifier: MIT
//
// The receiving side of a channel: when to drain the ring, and what was drained and not read yet.
// Called by: channel-core.ts (wake, end), the readers (look, front, wait). Calls: native/binding drain, request-table.
//
// The ring is drained for a reader that asks or waits, and for requests that wait. Otherwise it is left alone, so that it
// fills and the host waits. `drain` answering 0 has armed the interrupt; anything else has not, so whoever needs to be
// woken drains to 0 first. A turn of the event loop drains at most `budget` packets, then others get theirs.

import { Status } from '../native/binding.js';
import { Backlog } from './backlog.js';
import type { ChannelName } from './close-reasons.js';
import { publishReceived, wantsReceived } from './diagnostics.js';
import type { RequestTable } from './request-table.js';
import { Store } from './store.js';
import type { CloseReason } from './types.js';
import { PacketType } from './types.js';

/** Packets drained in a row before the event loop gets a turn, which costs microseconds; and what a smaller drain counts as. */
const budget = 4096;
const leastSpent = 32;
/** Drains in a row for requests alone. */
const mostPumped = 16;
/** No packet of a legal ring needs a larger arena: its length field has 16 bits of 8 bytes each. */
const largestPacket = 0xffff * 8;

/** What the inbox needs to know of its channel. */
export interface InboxOwner extends ChannelName {
  readonly requests: RequestTable;
  /** Why the channel ended; null while it is open. */
  readonly ending: CloseReason | null;
  drain(): number;
  /** Memory for an arena. */
  newMemory(bytes: number): ArrayBuffer;
  setReceiveArena(store: Store): void;
  /** Ends the channel because of a native status. */
  breakOff(status: number): void;
  /** Somebody waits from now on: a lost wake must not keep him waiting. */
  watchWait(): void;
}

/** What {@link Inbox.look} finds. */
export type Look = 'ready' | 'empty' | 'later' | 'ended';

/** A reader that waits. */
export interface Waiter {
  /** There may be something, or the channel ended: look again. */
  ready(): void;
}

export class Inbox {
  // First what every drain needs, so that it lies together.
  readonly #owner: InboxOwner;
  #live: Store;
  #spent = 0;
  #isArmed = false;
  #isTelling = false;
  readonly #backlog = new Backlog();
  #waiter: Waiter | null = null;
  readonly #batchPackets: number;
  readonly #busyPollUs: number;
  #arenaBytes: number;
  #spare: Store | null = null;
  #isVisited = false;
  #isPumpDue = false;
  #isTurnDue = false;

  constructor(owner: InboxOwner, sizes: { arenaBytes: number; batchPackets: number; busyPollUs: number }) {
    this.#owner = owner;
    this.#batchPackets = sizes.batchPackets;
    this.#busyPollUs = sizes.busyPollUs;
    this.#arenaBytes = sizes.arenaBytes;
    this.#live = this.#newStore();
    owner.setReceiveArena(this.#live);
  }

  /** Somebody waits in vain until there is something. */
  get isWaiting(): boolean {
    return this.#waiter !== null;
  }

  /** Requests wait, but nothing is drained, because too many packets wait for a reader. */
  get isStalled(): boolean {
    return this.#backlog.isFull && this.#live.unread > 0;
  }

  get unread(): number {
    return this.#backlog.packets + this.#live.unread;
  }

  /** The store whose packets are next, null when all were read. */
  front(): Store | null {
    return this.#backlog.front() ?? (this.#live.unread > 0 ? this.#live : null);
  }

  /** Drains until there is something to read. `later`: the budget is used up, wait for a turn. */
  look(): Look {
    const found = this.#glance();
    if (found !== 'empty' || this.#busyPollUs === 0) return found;
    const end = performance.now() + this.#busyPollUs / 1000;
    while (performance.now() < end) {
      const sought = this.#glance();
      if (sought !== 'empty') return sought;
    }
    return 'empty';
  }

  /** One drain whatever the budget says. The store that it filled; null when the ring is empty or the channel ended. */
  refill(): Store | null {
    return !this.#isTelling && this.#drain() > 0 ? this.#live : null;
  }

  /** A visitor reads the live store until {@link leave}: nothing else is drained into it. */
  enter(): void {
    this.#isVisited = true;
  }

  leave(): void {
    this.#isVisited = false;
    this.#keepPumping();
  }

  /** Calls the waiter when it is worth another look. */
  wait(waiter: Waiter): void {
    this.#waiter = waiter;
    if (this.#owner.ending !== null || this.#spent >= budget) this.#takeTurn();
    else this.#owner.watchWait();
  }

  stopWaiting(waiter: Waiter): void {
    if (this.#waiter === waiter) this.#waiter = null;
  }

  /** The host woke us, or a timer thinks it may have. */
  wake(): void {
    this.#isArmed = false;
    this.#spent = 0;
    if (this.#waiter !== null) this.#serve();
    else this.pump();
  }

  /** Drains for requests that wait, whether or not somebody reads; other packets go to the backlog. */
  pump(): void {
    const { requests } = this.#owner;
    if (this.#isTelling || this.#isVisited || this.#isArmed || this.#waiter !== null) return;
    for (let turns = 0; requests.size > 0 && this.#owner.ending === null; turns++) {
      if (turns === mostPumped) this.#pumpLater();
      if (turns === mostPumped || !this.#makeRoom() || this.#drain() <= 0) return;
    }
  }

  /** A reader took the last packet of a store: there may be room again for what requests wait for. */
  consumed(): void {
    this.#keepPumping();
  }

  /** The channel ended. Packets received before stay for the reader, unless the script closed it itself. */
  end(): void {
    if (this.#owner.ending?.by === 'user') {
      this.#backlog.clear();
      this.#live.clear();
    }
    this.#release();
  }

  #glance(): Look {
    while (this.front() === null) {
      if (this.#owner.ending !== null) return 'ended';
      if (this.#spent >= budget) return 'later';
      if (this.#isTelling || this.#drain() === 0) return 'empty';
    }
    this.#keepPumping();
    return 'ready';
  }

  // The one call of the native drain. Answers its count or status; packets that nobody but a reader wants are in #live.
  #drain(): number {
    if (this.#live.isLent || this.#live.isTaken) this.#changeLive();
    const store = this.#live;
    store.clear();
    let count = this.#owner.drain();
    if (count === Status.arenaTooSmall) count = this.#drainLarger(store);
    this.#isArmed = count === 0;
    if (count > 0) {
      this.#spent += Math.max(count, leastSpent);
      store.count = count;
      if (wantsReceived() || this.#owner.requests.isUsed) this.#tellOf(store);
    }
    if (count < 0) this.#owner.breakOff(count);
    return count;
  }

  // The host may make the packet larger while the arena grows: the second time it gets the largest arena there is.
  #drainLarger(store: Store): number {
    let count: number = Status.arenaTooSmall;
    for (let tries = 0; tries < 2 && count === Status.arenaTooSmall; tries++) {
      const needed = store.rows[0] as number;
      if (needed <= store.arena.length || needed > largestPacket) break;
      this.#arenaBytes = powerOfTwo(tries === 0 ? needed : largestPacket);
      store.arena = new Uint8Array(this.#owner.newMemory(this.#arenaBytes));
      this.#owner.setReceiveArena(store);
      count = this.#owner.drain();
    }
    return count;
  }

  // Subscribers and requests first; what they leave is the reader's.
  #tellOf(store: Store): void {
    this.#isTelling = true;
    publishReceived(this.#owner, store, store.count);
    // A subscriber may have closed the channel, which empties the store.
    if (store.count > 0) store.count = this.#withoutCompletions(store, store.count);
    this.#isTelling = false;
  }

  // Completions of our requests go where they are waited for; the rows left move together.
  #withoutCompletions(store: Store, count: number): number {
    const { requests } = this.#owner;
    if (!requests.isUsed) return count;
    let kept = 0;
    for (let row = 0; row < count; row++) {
      if (store.type(row) === PacketType.completion && requests.settle(store, row)) continue;
      if (kept !== row) store.moveRow(row, kept);
      kept += 1;
    }
    return kept;
  }

  // A script holds a batch on the live store, or has taken its memory: the next packets go elsewhere.
  #changeLive(): void {
    const spare = this.#spare;
    this.#spare = this.#live;
    this.#live = spare !== null && !spare.isLent && !spare.isTaken ? spare : this.#newStore();
    this.#live.clear();
    this.#owner.setReceiveArena(this.#live);
  }

  #newStore(): Store {
    return Store.ofSize(this.#arenaBytes, this.#batchPackets, (bytes) => this.#owner.newMemory(bytes));
  }

  #makeRoom(): boolean {
    if (this.#live.isLent || this.#live.unread === 0) return true;
    if (this.#backlog.isFull) return false;
    this.#backlog.push(this.#live.takeUnread());
    return true;
  }

  #serve(): void {
    switch (this.look()) {
      case 'empty':
        this.#owner.watchWait();
        break;
      case 'later':
        this.#takeTurn();
        break;
      case 'ready':
      case 'ended':
        this.#release();
    }
  }

  // The look itself may have ended the channel, and told the waiter then.
  #release(): void {
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.ready();
  }

  #takeTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    setImmediate(() => {
      this.#isTurnDue = false;
      this.#spent = 0;
      if (this.#waiter !== null) this.#serve();
    });
  }

  // A drain for the reader has left the interrupt unarmed: a completion in the ring would wake nobody.
  #keepPumping(): void {
    if (this.#owner.requests.size > 0 && !this.#isArmed) this.#pumpLater();
  }

  #pumpLater(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    setImmediate(() => {
      this.#isPumpDue = false;
      this.pump();
    });
  }
}

function powerOfTwo(bytes: number): number {
  return 2 ** Math.ceil(Math.log2(bytes));
}
