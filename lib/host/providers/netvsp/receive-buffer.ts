// SPDX-License-Identifier: MIT
//
// The buffer that a guest receives in, cut into sections of one size. A section is free, being written, or handed to the
// guest; it comes back when the guest completes the packet that handed it over, on the channel that it came on.
// Called by: nvsp-control.ts (makes it), section-sender.ts, queue-session.ts.

import { encodeTransferPages } from '../../../protocol/transfer-pages.js';
import type { SharedBuffer } from '../../types.js';

/** Room before the frame, as Hyper-V leaves it. */
const headroomBytes = 256;
/** Some guests count on so much after it. */
const tailBytes = 36;

/** A section, and how much of it holds a message. */
export interface FilledSection {
  readonly section: number;
  readonly bytes: number;
}

/** The sections of one receive buffer. */
export class ReceiveBuffer {
  /** Id that the guest gave it. */
  readonly id: number;
  readonly sectionBytes: number;
  readonly sectionCount: number;
  readonly #buffer: SharedBuffer;
  /** Stack of free sections: the one given back last is used next, while it is warm. */
  readonly #free: Int32Array;
  #freeCount: number;
  /** What the guest has, by the first section of the packet. */
  readonly #handed = new Map<number, { readonly owner: object; readonly sections: readonly FilledSection[] }>();

  /** @param frameBytes Longest frame, with its header */
  constructor(buffer: SharedBuffer, id: number, frameBytes: number) {
    this.id = id;
    this.sectionBytes = headroomBytes + frameBytes + tailBytes;
    this.sectionCount = Math.floor(buffer.sizeBytes / this.sectionBytes);
    this.#buffer = buffer;
    this.#free = Int32Array.from({ length: this.sectionCount }, (_, i) => this.sectionCount - 1 - i);
    this.#freeCount = this.sectionCount;
  }

  /** Sections that nobody has. */
  get free(): number {
    return this.#freeCount;
  }

  /** Sections that the guest has. */
  get held(): number {
    let held = 0;
    for (const { sections } of this.#handed.values()) held += sections.length;
    return held;
  }

  /** A free section; null where only `reserve` of them are left. */
  take(reserve: number): number | null {
    if (this.#freeCount <= reserve) return null;
    this.#freeCount -= 1;
    return this.#free[this.#freeCount] ?? null;
  }

  /** Gives a section back that was not handed over. */
  give(section: number): void {
    this.#free[this.#freeCount] = section;
    this.#freeCount += 1;
  }

  async write(section: number, message: Uint8Array): Promise<void> {
    await this.#buffer.write(section * this.sectionBytes, message);
  }

  /** The guest has the sections from now on. Answers id and header of the packet that tells it. */
  hand(owner: object, sections: readonly FilledSection[]): { transactionId: bigint; header: Uint8Array } {
    const first = sections[0]?.section ?? 0;
    this.#handed.set(first, { owner, sections });
    const ranges = sections.map(({ section, bytes }) => ({
      byteCount: bytes,
      byteOffset: section * this.sectionBytes,
    }));
    // 0 is for packets that nobody completes.
    return { transactionId: BigInt(first + 1), header: encodeTransferPages({ setId: this.id, ranges }) };
  }

  /** The guest is done with a packet. False for one that it does not have from this owner. */
  complete(owner: object, transactionId: bigint): boolean {
    if (transactionId < 1n || transactionId > BigInt(this.sectionCount)) return false;
    const first = Number(transactionId) - 1;
    const handed = this.#handed.get(first);
    if (handed?.owner !== owner) return false;
    this.#handed.delete(first);
    for (const { section } of handed.sections) this.give(section);
    return true;
  }

  /** The owner's channel is closed: takes back what the guest had from it. */
  reclaim(owner: object): void {
    for (const [first, handed] of this.#handed) {
      if (handed.owner !== owner) continue;
      this.#handed.delete(first);
      for (const { section } of handed.sections) this.give(section);
    }
  }
}
