// SPDX-License-Identifier: MIT
//
// A set of page frames, kept as sorted runs: what the script has given to the host. The host names ranges as it likes when it
// returns them (it merges neighbours and cuts at its own limits), so only the overlap with this set is ever believed.
// Called by memory.ts.

import type { PageRange } from '../../protocol/dynamic-memory.js';
import { maxPagesPerRange } from '../../protocol/dynamic-memory.js';

interface Run {
  start: bigint;
  /** First frame behind the run. */
  end: bigint;
}

/** Page frames as sorted, disjoint runs. */
export class PageSet {
  #runs: Run[] = [];
  #pages = 0n;

  /** Number of pages in the set. */
  get pageCount(): bigint {
    return this.#pages;
  }

  /** Number of separate runs. */
  get runCount(): number {
    return this.#runs.length;
  }

  /** True when any page of the range is in the set. */
  overlaps(range: PageRange): boolean {
    const { start, end } = toRun(range);
    const run = this.#runs[this.#firstEndingAfter(start)];
    return start < end && run !== undefined && run.start < end;
  }

  /** Adds a range; false, with nothing changed, when a page of it is there already. */
  add(range: PageRange): boolean {
    if (this.overlaps(range)) return false;
    const run = toRun(range);
    if (run.start === run.end) return true;
    const at = this.#firstEndingAfter(run.start);
    const before = this.#runs[at - 1];
    const after = this.#runs[at];
    const joinsBefore = before !== undefined && before.end === run.start;
    const joinsAfter = after !== undefined && after.start === run.end;
    const start = joinsBefore ? before.start : run.start;
    const end = joinsAfter ? after.end : run.end;
    this.#runs.splice(joinsBefore ? at - 1 : at, Number(joinsBefore) + Number(joinsAfter), { start, end });
    this.#pages += run.end - run.start;
    return true;
  }

  /** Removes the pages of the range that are in the set, and answers them. */
  take(range: PageRange): PageRange[] {
    const wanted = toRun(range);
    if (wanted.start === wanted.end) return [];
    const first = this.#firstEndingAfter(wanted.start);
    let last = first;
    const taken: PageRange[] = [];
    const kept: Run[] = [];
    for (let run = this.#runs[last]; run !== undefined && run.start < wanted.end; run = this.#runs[++last]) {
      const start = later(run.start, wanted.start);
      const end = earlier(run.end, wanted.end);
      taken.push(...toRanges(start, end));
      this.#pages -= end - start;
      if (run.start < start) kept.push({ start: run.start, end: start });
      if (end < run.end) kept.push({ start: end, end: run.end });
    }
    this.#runs.splice(first, last - first, ...kept);
    return taken;
  }

  /** Index of the first run that reaches beyond the frame. */
  #firstEndingAfter(frame: bigint): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const run = this.#runs[middle];
      if (run !== undefined && run.end <= frame) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function later(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

function earlier(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

function toRun({ firstPage, pageCount }: PageRange): Run {
  return { start: firstPage, end: firstPage + BigInt(pageCount) };
}

/** A run as ranges, which have a largest count. */
function toRanges(start: bigint, end: bigint): PageRange[] {
  const ranges: PageRange[] = [];
  for (let at = start; at < end; at += BigInt(maxPagesPerRange)) {
    const left = end - at;
    ranges.push({ firstPage: at, pageCount: left > maxPagesPerRange ? maxPagesPerRange : Number(left) });
  }
  return ranges;
}
