// SPDX-License-Identifier: MIT
//
// Which pages a guest has given away, as the host keeps book: ranges taken in are checked against memory and against each
// other, ranges given back are cut to size.
// Called by: dynamic-memory-session.ts. Pages are 4096 bytes.

import type { PageRange } from '../protocol/dynamic-memory.js';

/** Where the guest has memory. */
export interface MemoryLayout {
  readonly ramPages: number;
  readonly hotAddBase: number;
}

/** The book of one opening. */
export class GuestPages {
  readonly #layout: MemoryLayout;
  #ranges: PageRange[] = [];
  #hotAdded: number;

  constructor(layout: MemoryLayout, hotAdded: number) {
    this.#layout = layout;
    this.#hotAdded = hotAdded;
  }

  get ranges(): readonly PageRange[] {
    return this.#ranges;
  }

  get ballooned(): number {
    return this.#ranges.reduce((sum, range) => sum + range.pageCount, 0);
  }

  get hotAdded(): number {
    return this.#hotAdded;
  }

  /** Pages that the guest has now. */
  get current(): number {
    return this.#layout.ramPages + this.#hotAdded - this.ballooned;
  }

  /** First page where memory is added next. */
  get nextHotAddPage(): number {
    return this.#layout.hotAddBase + this.#hotAdded;
  }

  hotAdd(pages: number): void {
    this.#hotAdded += pages;
  }

  /** Takes a range in. Answers what is wrong with it, else null. */
  take(range: PageRange): string | null {
    if (range.pageCount === 0) return 'an empty range';
    if (!this.#isMemory(range)) return `pages ${range.firstPage} + ${range.pageCount}, where the guest has no memory`;
    if (this.#ranges.some((known) => overlap(known, range))) return `pages ${range.firstPage} + ${range.pageCount} twice`;
    this.#ranges.push(range);
    this.#ranges.sort((a, b) => Number(a.firstPage - b.firstPage));
    return null;
  }

  /** Gives back one range of at most so many pages, lowest addresses first; null when none is left. */
  give(mostPages: number): PageRange | null {
    const first = this.#ranges.shift();
    if (!first) return null;
    if (first.pageCount <= mostPages) return first;
    this.#ranges.unshift({ firstPage: first.firstPage + BigInt(mostPages), pageCount: first.pageCount - mostPages });
    return { firstPage: first.firstPage, pageCount: mostPages };
  }

  /** RAM is taken to lie at the bottom, whatever holes a machine has below 4 GiB, and hot-added memory from its base. */
  #isMemory(range: PageRange): boolean {
    const end = range.firstPage + BigInt(range.pageCount);
    const base = BigInt(this.#layout.hotAddBase);
    if (end <= BigInt(this.#layout.ramPages)) return true;
    return range.firstPage >= base && end <= base + BigInt(this.#hotAdded);
  }
}

function overlap(a: PageRange, b: PageRange): boolean {
  return a.firstPage < b.firstPage + BigInt(b.pageCount) && b.firstPage < a.firstPage + BigInt(a.pageCount);
}
