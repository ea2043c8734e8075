// SPDX-License-Identifier: MIT
//
// A histogram of times lying on its side: one line a class, from the fastest to the slowest that is not rare.

import { bar } from './bar.js';
import type { Glyphs } from './glyphs.js';

/** One class of a histogram. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** The value below which `fraction` of the sorted values lie. */
export function percentile(sorted: readonly number[], fraction: number): number {
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * fraction) - 1))] ?? Number.NaN;
}

/**
 * Classes of equal width on a logarithmic scale, from the smallest value to the 99.5th percentile; what lies beyond is
 * counted in the last one, whose `to` is the largest value.
 */
export function bins(values: readonly number[], count: number): Bin[] {
  const sorted = [...values].sort((a, b) => a - b);
  const low = sorted[0];
  const max = sorted.at(-1);
  if (low === undefined || max === undefined) return [];
  const high = Math.max(percentile(sorted, 0.995), low * 1.05);
  const ratio = Math.log(high / low) / count;
  const found = Array.from({ length: count }, (_, i) => ({
    from: low * Math.exp(ratio * i),
    to: low * Math.exp(ratio * (i + 1)),
    count: 0,
  }));
  for (const value of sorted) {
    const i = Math.min(count - 1, Math.max(0, Math.floor(Math.log(value / low) / ratio)));
    const bin = found[i];
    if (bin) bin.count += 1;
  }
  return found.map((bin, i) => (i === count - 1 ? { ...bin, to: max } : bin));
}

/** What a histogram is drawn with. */
export interface HistogramOptions {
  readonly width: number;
  readonly glyphs: Glyphs;
  label(value: number): string;
  /** Colours a bar; left out for none. */
  paint?(text: string, bin: Bin): string;
}

/** Lines of the histogram: the class's lower end, its bar, its count. */
export function histogram(found: readonly Bin[], { width, glyphs, label, paint }: HistogramOptions): string[] {
  const most = Math.max(...found.map(({ count }) => count), 1);
  const labels = found.map(({ from }) => label(from));
  const wide = Math.max(...labels.map((text) => text.length));
  return found.map((bin, i) => {
    const drawn = bar(bin.count / most, width, glyphs);
    const text = paint ? paint(drawn, bin) : drawn;
    return `${(labels[i] ?? '').padStart(wide)} ${glyphs.axis}${text}${bin.count > 0 ? ` ${bin.count}` : ''}`;
  });
}
