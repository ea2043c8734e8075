// SPDX-License-Identifier: MIT
//
// Memory that a guest shares: GPADLs put together from a header message and the bodies that follow, until torn down.
// Called by: control-path.ts. Everything in the messages is the guest's word: counted, bounded, checked.
// Source: struct vmbus_channel_gpadl_header in include/linux/hyperv.h of Linux.

import type { GpadlBody, GpadlHeader } from '../../protocol/control/types.js';
import { decodeGpaRanges, extentsOf, type GpaExtent, type GpaRange } from '../../protocol/gpa-direct.js';

/** GPADLs that may be incomplete at a time; Linux makes one after the other. */
const mostIncomplete = 64;
/** GPADLs that a guest may hold in all, and pages in all of them: 16 GiB. */
const mostGpadls = 8192;
const mostPages = 4 * 1024 * 1024;
/** `rangecount` (u32 0, u32 count) that decodeGpaRanges expects in front. */
const countBytes = 8;

/** Memory shared under a handle. */
export class Gpadl {
  readonly relid: number;
  readonly handle: number;
  readonly ranges: readonly GpaRange[];
  readonly sizeBytes: number;

  constructor(relid: number, handle: number, ranges: readonly GpaRange[]) {
    this.relid = relid;
    this.handle = handle;
    this.ranges = ranges;
    this.sizeBytes = ranges.reduce((sum, { byteCount }) => sum + byteCount, 0);
  }

  /** Whole pages, as rings need them; null where a range begins or ends within a page. */
  get pages(): readonly number[] | null {
    const isWhole = this.ranges.every(({ byteOffset, byteCount }) => byteOffset === 0 && byteCount % 4096 === 0);
    return isWhole ? this.ranges.flatMap(({ pages }) => pages) : null;
  }

  /** Bytes `offset` … `offset + length` as pieces of guest memory; null where they are not all inside. */
  extents(offset: number, length: number): readonly GpaExtent[] | null {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.sizeBytes)) return null;
    const extents: GpaExtent[] = [];
    let from = offset;
    let left = length;
    for (const range of this.ranges) {
      if (from >= range.byteCount) {
        from -= range.byteCount;
        continue;
      }
      const bytes = Math.min(left, range.byteCount - from);
      extents.push(...extentsOf(range, from, bytes));
      left -= bytes;
      from = 0;
      if (left === 0) break;
    }
    return extents;
  }
}

/** What a message did: more of it must follow, it is complete, or it is refused for a reason. */
export type GpadlStep =
  | { readonly state: 'more' }
  | { readonly state: 'complete'; readonly gpadl: Gpadl }
  | { readonly state: 'refused'; readonly relid: number; readonly handle: number; readonly reason: string };

interface Incomplete {
  readonly relid: number;
  readonly handle: number;
  /** The ranges with a count in front. */
  readonly bytes: Uint8Array;
  filled: number;
}

/** Every GPADL of a connection. */
export class GpadlTable {
  readonly #isMemory: (page: number) => boolean;
  readonly #incomplete = new Map<number, Incomplete>();
  readonly #gpadls = new Map<number, Gpadl>();
  #pages = 0;

  /** @param isMemory Whether the guest has memory at a page number. */
  constructor(isMemory: (page: number) => boolean) {
    this.#isMemory = isMemory;
  }

  /** A header message. */
  begin(header: GpadlHeader): GpadlStep {
    const { relid, gpadl: handle, rangeBytes, rangeCount } = header;
    const refuse = (reason: string): GpadlStep => ({ state: 'refused', relid, handle, reason });
    if (this.#gpadls.has(handle) || this.#incomplete.has(handle)) return refuse('the handle is in use');
    if (this.#incomplete.size >= mostIncomplete || this.#gpadls.size >= mostGpadls) return refuse('too many');
    if (rangeCount === 0 || rangeBytes % 8 !== 0 || rangeBytes < 16 * rangeCount) return refuse('ranges without pages');
    const bytes = new Uint8Array(countBytes + rangeBytes);
    new DataView(bytes.buffer).setUint32(4, rangeCount, true);
    const part: Incomplete = { relid, handle, bytes, filled: countBytes };
    this.#incomplete.set(handle, part);
    return this.#add(part, header.ranges);
  }

  /** A body message; null for a handle that nobody began. */
  go(body: GpadlBody): GpadlStep | null {
    const part = this.#incomplete.get(body.gpadl);
    return part ? this.#add(part, body.ranges) : null;
  }

  find(handle: number): Gpadl | null {
    return this.#gpadls.get(handle) ?? null;
  }

  /** Forgets one. */
  remove(handle: number): void {
    this.#incomplete.delete(handle);
    const gpadl = this.#gpadls.get(handle);
    if (!gpadl) return;
    this.#gpadls.delete(handle);
    this.#pages -= pagesOf(gpadl);
  }

  /** Forgets those of a channel. */
  removeOf(relid: number): void {
    for (const part of [...this.#incomplete.values(), ...this.#gpadls.values()])
      if (part.relid === relid) this.remove(part.handle);
  }

  /** What is surplus is padding of the message. */
  #add(part: Incomplete, ranges: Uint8Array): GpadlStep {
    const { relid, handle, bytes } = part;
    const taken = ranges.subarray(0, bytes.length - part.filled);
    bytes.set(taken, part.filled);
    part.filled += taken.length;
    if (part.filled < bytes.length) return { state: 'more' };
    this.#incomplete.delete(handle);
    const reason = this.#keep(relid, handle, decodeGpaRanges(bytes));
    const gpadl = this.#gpadls.get(handle);
    return gpadl ? { state: 'complete', gpadl } : { state: 'refused', relid, handle, reason };
  }

  #keep(relid: number, handle: number, ranges: GpaRange[] | null): string {
    if (ranges === null) return 'ranges that contradict their length';
    const gpadl = new Gpadl(relid, handle, ranges);
    const pages = pagesOf(gpadl);
    if (this.#pages + pages > mostPages) return 'too many pages';
    if (!ranges.every((range) => range.pages.every(this.#isMemory))) return 'pages where the guest has no memory';
    this.#pages += pages;
    this.#gpadls.set(handle, gpadl);
    return '';
  }
}

function pagesOf(gpadl: Gpadl): number {
  return gpadl.ranges.reduce((sum, { pages }) => sum + pages.length, 0);
}
