// SPDX-License-Identifier: MIT
//
// The host's end of an open channel: drains what the guest wrote into its provider's session, and sends what the provider
// answers. The same over every attachment, which gives it a ring end and calls `onDoorbell` when the guest rang.
// Called by: local/device.ts. Calls: ring-end.ts, host-outbox.ts, the provider.
//
// Order per doorbell: what could not be sent yet, then the provider's `onSpace`, then drain. One turn of the event loop
// handles at most `turnPackets`; the rest waits for the next turn, so that one busy channel never starves the others.

import { VmbusError } from '../errors.js';
import type { Guid } from '../guid.js';
import { ROW_WORDS, Status } from '../native/binding.js';
import { RingFaults } from './faults.js';
import { RowBatch } from './host-batch.js';
import { Outbox } from './host-outbox.js';
import type { RingEnd } from './ring-end.js';
import type { ChannelFaults, GuestMemory, HostChannel, HostSendOptions, ProviderSession } from './types.js';

const batchPackets = 512;
const turnPackets = 4096;
const firstArenaBytes = 64 * 1024;
/** No packet is longer: its length is 16 bits of 8-byte units. */
const mostArenaBytes = 0xffff * 8;

/** Who a channel is, and what its attachment does for it. */
export interface ChannelSeat {
  readonly device: Guid;
  readonly relid: number;
  readonly subchannelIndex: number;
  readonly openData: Uint8Array;
  readonly memory: GuestMemory;
  offerSubchannels(count: number): void;
  rescind(): void;
  /** The guest broke the rules (VmbusError), or the provider threw. The channel takes nothing more. */
  broke(error: unknown): void;
}

/** The host's end of one opening of one channel. */
export class RingHostChannel implements HostChannel {
  readonly #end: RingEnd;
  readonly #seat: ChannelSeat;
  readonly #faults: RingFaults;
  readonly #outbox: Outbox;
  readonly #batch: RowBatch;
  #arenaBytes = 0;
  #session: ProviderSession | null = null;
  #isOpen = true;
  #isPaused = false;
  #isDelivering = false;
  #isLeaving = false;
  #turn: NodeJS.Immediate | null = null;

  constructor(end: RingEnd, seat: ChannelSeat) {
    this.#end = end;
    this.#seat = seat;
    this.#outbox = new Outbox(end, { broke: (status) => this.#break(status), spaceSoon: () => this.#schedule() });
    this.#batch = new RowBatch((rows) => this.#outbox.sendRows(rows));
    this.#faults = new RingFaults(end, this.#outbox, {
      resumed: () => this.#schedule(),
      rescind: () => seat.rescind(),
    });
    this.#growArena(firstArenaBytes);
  }

  get device(): Guid {
    return this.#seat.device;
  }

  get relid(): number {
    return this.#seat.relid;
  }

  get subchannelIndex(): number {
    return this.#seat.subchannelIndex;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get memory(): GuestMemory {
    return this.#seat.memory;
  }

  get openData(): Uint8Array {
    return this.#seat.openData;
  }

  get faults(): ChannelFaults {
    return this.#faults;
  }

  get maxPayloadBytes(): number {
    return this.#isOpen ? this.#end.largestPayload() : 0;
  }

  /** Gives the channel its provider's session; packets that came before are delivered in the next turn. */
  start(session: ProviderSession): void {
    this.#session = session;
    this.#schedule();
  }

  send(payload: Uint8Array, options: HostSendOptions = {}): boolean {
    return this.#isOpen && this.#outbox.send(payload, options);
  }

  sendMany(payloads: readonly Uint8Array[], options: Omit<HostSendOptions, 'header'> = {}): number {
    return this.#isOpen ? this.#outbox.sendMany(payloads, options) : 0;
  }

  complete(transactionId: bigint, payload: Uint8Array): boolean {
    return this.send(payload, { type: 11, transactionId });
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#schedule();
  }

  offerSubchannels(count: number): void {
    if (this.#isOpen) this.#seat.offerSubchannels(count);
  }

  rescind(): void {
    if (this.#isOpen) this.#seat.rescind();
  }

  fail(error: unknown): void {
    if (!this.#isOpen) return;
    this.close();
    this.#seat.broke(error);
  }

  /** The guest rang, or freed space that somebody waits for. */
  onDoorbell(): void {
    // While the provider is in a call its packets lie in the arena: the next turn may use that again, this one not.
    if (this.#isDelivering) this.#schedule();
    else if (this.#turn === null) this.#guard(() => this.#takeTurn());
  }

  /** The device is about to be withdrawn: lets the provider say its last words. Safe to call twice. */
  leave(): void {
    if (!this.#isOpen || this.#isLeaving) return;
    this.#isLeaving = true;
    this.#guard(() => this.#session?.onWithdraw?.());
  }

  /** See `drain` of ProviderSession; null where the provider has nothing in flight that a driver waits for. */
  drain(): Promise<void> | null {
    return this.#isOpen ? (this.#session?.drain?.() ?? null) : null;
  }

  /** Ends this opening: the provider is told, the ring end is released. Safe to call twice. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
    this.#outbox.close();
    this.#end.close();
    this.#guard(() => this.#session?.onClose?.(this.#isLeaving ? 'rescinded' : 'closed'));
    this.#session = null;
  }

  #schedule(): void {
    if (!this.#isOpen || this.#turn !== null || this.#session === null) return;
    this.#turn = setImmediate(() => {
      this.#turn = null;
      this.#guard(() => this.#takeTurn());
    });
  }

  #takeTurn(): void {
    const session = this.#session;
    if (!session) return;
    if (this.#outbox.flush()) session.onSpace?.();
    let left = turnPackets;
    while (this.#isOpen && !this.#isPaused && !this.#outbox.isBlocked && !this.#faults.isStalled) {
      const count = this.#end.drain(batchPackets);
      if (count === Status.arenaTooSmall) {
        this.#growArena(this.#batch.index[0] ?? 0);
        continue;
      }
      if (count < 0) this.#break(count);
      if (count <= 0) return;
      this.#deliver(session, count);
      left -= count;
      if (left <= 0) {
        this.#schedule();
        return;
      }
    }
  }

  #deliver(session: ProviderSession, count: number): void {
    const batch = this.#batch;
    const taken = this.#faults.packetsUntilRescind(count);
    batch.length = taken;
    this.#isDelivering = true;
    try {
      if (!session.onBatch) {
        for (let row = 0; row < taken && this.#isOpen; row += 1) session.onPacket(batch.packet(row));
      } else if (taken > 0) session.onBatch(batch);
    } finally {
      this.#isDelivering = false;
    }
    if (taken < count && this.#isOpen) this.#seat.rescind();
  }

  #growArena(wanted: number): void {
    if (wanted > mostArenaBytes || (this.#arenaBytes > 0 && wanted <= this.#arenaBytes)) {
      throw new VmbusError('ERR_VMBUS_CORRUPT', `a packet of ${wanted} bytes cannot be`, this.#place());
    }
    this.#arenaBytes = Math.min(mostArenaBytes, Math.max(wanted, 2 * this.#arenaBytes, firstArenaBytes));
    // One memory: received rows can be sent as they stand; the second half is for rows that the provider makes.
    const arena = new Uint8Array(2 * this.#arenaBytes);
    const index = new Int32Array(2 * batchPackets * ROW_WORDS);
    this.#batch.arena = arena;
    this.#batch.index = index;
    this.#outbox.useMemory({ arena, index, ownBytes: this.#arenaBytes, ownRows: batchPackets });
    this.#end.setArenas(arena.subarray(0, this.#arenaBytes), index.subarray(0, batchPackets * ROW_WORDS), arena, index);
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (this.#isOpen) this.close();
      this.#seat.broke(error);
    }
  }

  #break(status: number): void {
    if (!this.#isOpen || status === Status.closed || status === Status.rescinded) return;
    const name = this.#end.violationName(status > -100 ? -status : 0);
    const error = new VmbusError('ERR_VMBUS_CORRUPT', `the guest broke the rules of the ring: ${name}`, {
      ...this.#place(),
      facts: { violation: name, status },
    });
    this.close();
    this.#seat.broke(error);
  }

  #place(): { readonly device: Guid; readonly channel: number } {
    return { device: this.#seat.device, channel: this.#seat.relid };
  }
}
