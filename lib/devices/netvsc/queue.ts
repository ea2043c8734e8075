// SPDX-License-Identifier: MIT
//
// One channel of a network card in this thread: receives frames into stores for the reader, hands messages to whoever knows
// them, sends frames and keeps those that wait for room.
// Called by: nic.ts, control.ts, attached-queue.ts; the lease (wakes). Calls: native/frame-functions, sends.ts.
// The ring is always drained, because answers of the host come through it as well; frames wait there only while a reader has
// all stores, and nobody waits for an answer. Before the first reader as many batches are kept as there are stores.

import type { ChannelCore } from '../../channel/channel-core.js';
import type { LeaseMember } from '../../channel/lease.js';
import type { CloseReason } from '../../channel/types.js';
import { errnoName, VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { type Binding, Status } from '../../native/binding.js';
import { FRAME_ROW_WORDS, FrameInspect, FrameRow, RowKind } from '../../native/frame-functions.js';
import { FrameStore, StoredBatch } from './frame-batch.js';
import type { BatchSource, FrameReader } from './reader.js';
import { Sends } from './sends.js';
import type { NicQueueStats } from './types.js';

const arenaBytes = 256 * 1024;
/** Drains in one turn of the event loop. */
const budget = 16;

/** A packet of the host that carries no frame. */
export interface HostMessage {
  readonly type: number;
  readonly flags: number;
  readonly idLow: number;
  readonly idHigh: number;
  readonly payload: Uint8Array;
}

/** What a queue tells. */
export interface QueueHooks {
  /** An RNDIS control message; a copy. */
  onControl(bytes: Uint8Array): void;
  onPacket(packet: HostMessage, queue: NicQueue): void;
  /** Somebody waits for an answer: frames may be dropped to get at it. */
  readonly isAnswerAwaited: boolean;
}

export class NicQueue implements LeaseMember, BatchSource {
  readonly core: ChannelCore;
  readonly index: number;
  readonly device: Guid;
  readonly relid: number;
  readonly isPolled: boolean;
  readonly sends: Sends;
  /** Frames that came while nobody read. */
  unread = 0;
  readonly #binding: Binding;
  readonly #handle: number;
  readonly #reader: FrameReader;
  readonly #hooks: QueueHooks;
  readonly #free: FrameStore[] = [];
  readonly #spare: FrameStore;
  #registered: FrameStore | null = null;
  #isPumping = false;
  #isEnded = false;
  #turn: NodeJS.Immediate | null = null;
  #lastWords: Float64Array | null = null;

  /** Takes the channel over: nothing else may read from it. @throws VmbusError */
  constructor(core: ChannelCore, index: number, reader: FrameReader, hooks: QueueHooks, batchesAhead: number) {
    this.core = core;
    this.index = index;
    this.device = core.device;
    this.relid = core.relid;
    this.isPolled = core.isPolled;
    this.#binding = core.lease.binding;
    this.#spare = new FrameStore(arenaBytes, this.#binding);
    this.#reader = reader;
    this.#hooks = hooks;
    this.#handle = this.#binding.openFrames(core.lease.handle, core.plan.handle, core.relid);
    if (this.#handle <= 0) throw cannotOpen(core, this.#handle);
    for (let i = 0; i < batchesAhead; i += 1) this.#free.push(new FrameStore(arenaBytes, this.#binding));
    this.sends = new Sends(core, this.#handle, () => core.lease.watchWait(this));
    core.lease.add(this);
    reader.add(this);
  }

  get isWaiting(): boolean {
    return this.#reader.isWaiting || this.sends.waiting > 0 || this.#hooks.isAnswerAwaited;
  }

  /** The host rang, or the watchdog looks. */
  wake(): void {
    this.pump();
  }

  leaseEnded(reason: CloseReason): void {
    this.end(reason.error ?? this.core.errorOfEnding());
  }

  /** Receives what there is, and sends what waited. */
  pump(): void {
    if (this.#isPumping || this.#isEnded) return;
    this.#isPumping = true;
    let turns = 0;
    while (turns < budget && this.#receive()) turns += 1;
    this.#isPumping = false;
    if (this.#isEnded) return;
    this.sends.pump();
    if (turns === budget) this.#turn ??= setImmediate(() => this.#nextTurn());
    else if (this.isWaiting) this.core.lease.watchWait(this);
  }

  release(batch: StoredBatch): void {
    // A script that transferred the memory keeps it.
    const { store } = batch;
    this.#free.push(store.arena.length > 0 ? store : new FrameStore(arenaBytes, this.#binding));
  }

  stats(): NicQueueStats {
    const words = this.words();
    const at = (word: number): number => words[word] ?? 0;
    return {
      queue: this.index,
      relid: this.relid,
      framesIn: at(FrameInspect.frames),
      bytesIn: at(FrameInspect.frameBytes),
      framesOut: at(FrameInspect.framesSent),
      bytesOut: at(FrameInspect.frameBytesSent),
      packetsIn: at(FrameInspect.packets),
      completions: at(FrameInspect.completions),
      sectionsHeld: at(FrameInspect.sectionsHeld),
      waiting: this.sends.waiting,
    };
  }

  /** By the positions of `FrameInspect`: now, or as they were at the end. */
  words(): Float64Array {
    if (this.#lastWords !== null) return this.#lastWords;
    const words = new Float64Array(FrameInspect.words);
    this.#binding.inspectFrames(this.#handle, words);
    return words;
  }

  /** Ends the channel, and this queue with it. */
  breakOff(reason: CloseReason): void {
    this.core.end(reason);
    this.end(this.core.errorOfEnding());
  }

  /** Nothing native is called from here on. The channel is the caller's to close. */
  end(error: unknown): void {
    if (this.#isEnded) return;
    this.#lastWords = this.words();
    this.#isEnded = true;
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#binding.closeFrames(this.#handle);
    this.core.lease.remove(this);
    this.#reader.remove(this);
    this.sends.fail(error);
  }

  #nextTurn(): void {
    this.#turn = null;
    this.pump();
  }

  /** One drain. False: nothing is there, or there is no room for it. */
  #receive(): boolean {
    const store = this.#store();
    if (store === null) return false;
    if (this.core.isElsewhere()) return this.#broke(Status.closed);
    if (this.#registered !== store) {
      this.#binding.setFrameArena(this.#handle, store.arena, store.rows);
      this.#registered = store;
    }
    const count = this.#binding.receiveFrames(this.#handle);
    if (count === Status.again) return true;
    if (count <= 0) return count < 0 ? this.#broke(count) : false;
    this.#sort(store, count);
    if (store.length > 0) this.#deliver(store);
    return !this.#isEnded;
  }

  #store(): FrameStore | null {
    const free = this.#free.at(-1);
    if (free !== undefined) return free;
    return this.#hooks.isAnswerAwaited || !this.#reader.isRead ? this.#spare : null;
  }

  /** Rows of frames to the front; the others are told of. */
  #sort(store: FrameStore, count: number): void {
    const { rows } = store;
    store.length = 0;
    for (let i = 0; i < count; i += 1) {
      if (store.word(i, FrameRow.kind) !== RowKind.frame) {
        this.#tell(store, i);
        continue;
      }
      if (store.length !== i) {
        const at = i * FRAME_ROW_WORDS;
        rows.copyWithin(store.length * FRAME_ROW_WORDS, at, at + FRAME_ROW_WORDS);
      }
      store.length += 1;
    }
  }

  #tell(store: FrameStore, i: number): void {
    const payload = store.bytes(i).slice();
    if (store.word(i, FrameRow.kind) === RowKind.control) {
      this.#hooks.onControl(payload);
      return;
    }
    const packet = store.word(i, FrameRow.packet);
    const [idLow, idHigh] = [store.word(i, FrameRow.idLow), store.word(i, FrameRow.idHigh)];
    this.#hooks.onPacket({ type: packet & 0xffff, flags: packet >>> 16, idLow, idHigh, payload }, this);
  }

  #deliver(store: FrameStore): void {
    if (!this.#reader.isWanted || store === this.#spare) {
      this.unread += store.length;
      return;
    }
    this.#free.pop();
    this.#reader.offer(new StoredBatch(store, this.index), this);
  }

  #broke(status: number): false {
    this.core.breakOff(status);
    this.end(this.core.errorOfEnding());
    return false;
  }
}

function cannotOpen(core: ChannelCore, status: number): VmbusError {
  const name = errnoName(-status);
  return new VmbusError('ERR_VMBUS_SYSTEM', `No frames on channel ${core.relid} of device ${core.device}: ${name}`, {
    device: core.device,
    channel: core.relid,
    errno: -status,
    errnoName: name,
    hint: 'open the card again with openNic()',
  });
}
