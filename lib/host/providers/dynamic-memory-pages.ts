// SPDX-License-Identifier: MIT
//
// Which pages a guest has given away, as the host keeps book: ranges taken in are checked against memory and against each
// other, ranges given back are cut to size.
// Called by: dynamic-memory-session.ts. Pages are 4096 bytes.

import type { PageRange } from '../../protocol/dynamic-memory.js';

/** Where the guest has memory. */
export interface MemoryLayout {
  readonly ramPages: number;
  readonly hotAddBase: number;
}

/** The book of one opening. */
export class GuestPages {
  readonly #layout: MemoryLayout;
  readonly #added: PageRange[];
  #ranges: PageRange[] = [];

  /** @param added Memory added in earlier openings. */
  constructor(layout: MemoryLayout, added: readonly PageRange[]) {
    this.#layout = layout;
    this.#added = [...added];
  }

  get ranges(): readonly PageRange[] {
    return this.#ranges;
  }

  get ballooned(): number {
    return this.#ranges.reduce((sum, range) => sum + range.pageCount, 0);
  }

  /** Memory added so far, in the order of its addresses. */
  get added(): readonly PageRange[] {
    return this.#added;
  }

  get hotAdded(): number {
    return this.#added.reduce((sum, range) => sum + range.pageCount, 0);
  }

  /** Pages that the guest has now. */
  get current(): number {
    return this.#layout.ramPages + this.hotAdded - this.ballooned;
  }

  /** First page where memory is added next, a multiple of `unit`. */
  nextHotAddPage(unit: number): number {
    const last = this.#added.at(-1);
    const free = last ? Number(last.firstPage) + last.pageCount : this.#layout.hotAddBase;
    return Math.ceil(free / unit) * unit;
  }

  hotAdd(range: PageRange): void {
    if (range.pageCount > 0) this.#added.push(range);
  }

  /** Takes a range in. Answers what is wrong with it, else null. */
  take(range: PageRange): string | null {
    if (range.pageCount === 0) return 'an empty range';
    if (!this.#isMemory(range)) return `pages ${range.firstPage} + ${range.pageCount}, where the guest has no memory`;
    if (this.#ranges.some((known) => overlap(known, range)))
      return `pages ${range.firstPage} + ${range.pageCount} twice`;
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

  /** Boot memory is taken to lie at the bottom, whatever holes a machine has below 4 GiB. */
  #isMemory(range: PageRange): boolean {
    const boot = { firstPage: 0n, pageCount: this.#layout.ramPages };
    return [boot, ...this.#added].some((known) => contains(known, range));
  }
}

function overlap(a: PageRange, b: PageRange): boolean {
  return a.firstPage < b.firstPage + BigInt(b.pageCount) && b.firstPage < a.firstPage + BigInt(a.pageCount);
}

function contains(outer: PageRange, inner: PageRange): boolean {
  const end = inner.firstPage + BigInt(inner.pageCount);
  return inner.firstPage >= outer.firstPage && end <= outer.firstPage + BigInt(outer.pageCount);
}
