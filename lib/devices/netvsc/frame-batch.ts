// SPDX-License-Identifier: MIT
//
// A batch of received frames: a window on an arena and its rows.
// Made by: queue.ts. Called by: scripts.

import { outOfRange } from '../../errors.js';
import type { Binding } from '../../native/binding.js';
import { FRAME_ROW_WORDS, FrameField, FrameRow } from '../../native/frame-functions.js';
import { ChecksumBit } from '../../protocol/rndis.js';
import type { FrameBatch, ReceivedChecksum, ReceivedFrame, VlanTag } from './types.js';

const rows = 512;

/** An arena that is received into, in memory of the addon. */
export class FrameStore {
  readonly arena: Uint8Array;
  readonly rows: Int32Array;
  /** Frames in it; their rows are the first. */
  length = 0;

  constructor(arenaBytes: number, { newMemory }: Pick<Binding, 'newMemory'>) {
    this.arena = new Uint8Array(newMemory(arenaBytes));
    this.rows = new Int32Array(newMemory(rows * FRAME_ROW_WORDS * Int32Array.BYTES_PER_ELEMENT));
  }

  word(i: number, word: number): number {
    return this.rows[i * FRAME_ROW_WORDS + word] ?? 0;
  }

  bytes(i: number): Uint8Array {
    const offset = this.word(i, FrameRow.offset);
    return this.arena.subarray(offset, offset + this.word(i, FrameRow.length));
  }
}

export class StoredBatch implements FrameBatch {
  readonly store: FrameStore;
  readonly length: number;
  readonly queue: number;

  constructor(store: FrameStore, queue: number) {
    this.store = store;
    this.length = store.length;
    this.queue = queue;
  }

  view(i: number): Uint8Array {
    this.#check(i);
    return this.store.bytes(i);
  }

  vlan(i: number): VlanTag | null {
    const tag = this.#field(i, FrameField.vlan, FrameRow.vlan);
    if (tag === null) return null;
    return { id: (tag >>> 4) & 0xfff, priority: tag & 7, dropEligible: (tag & 8) !== 0 };
  }

  checksum(i: number): ReceivedChecksum | null {
    const bits = this.#field(i, FrameField.checksum, FrameRow.checksum);
    if (bits === null) return null;
    const verdict = (good: number, bad: number): 'good' | 'bad' | null => {
      if ((bits & bad) !== 0) return 'bad';
      return (bits & good) === 0 ? null : 'good';
    };
    return {
      ip: verdict(ChecksumBit.receivedIpGood, ChecksumBit.receivedIpFailed),
      tcp: verdict(ChecksumBit.receivedTcpGood, ChecksumBit.receivedTcpFailed),
      udp: verdict(ChecksumBit.receivedUdpGood, ChecksumBit.receivedUdpFailed),
    };
  }

  hash(i: number): number | null {
    const hash = this.#field(i, FrameField.hash, FrameRow.hash);
    return hash === null ? null : hash >>> 0;
  }

  frame(i: number): ReceivedFrame {
    return {
      bytes: this.view(i).slice(),
      queue: this.queue,
      vlan: this.vlan(i),
      checksum: this.checksum(i),
      hash: this.hash(i),
    };
  }

  *[Symbol.iterator](): IterableIterator<ReceivedFrame> {
    for (let i = 0; i < this.length; i += 1) yield this.frame(i);
  }

  #field(i: number, bit: number, word: number): number | null {
    this.#check(i);
    return (this.store.word(i, FrameRow.present) & bit) === 0 ? null : this.store.word(i, word);
  }

  #check(i: number): void {
    if (!Number.isInteger(i) || i < 0 || i >= this.length)
      throw outOfRange('i', `an integer in 0 … ${this.length - 1}`, i);
  }
}
