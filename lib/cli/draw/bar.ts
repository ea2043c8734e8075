// SPDX-License-Identifier: MIT
//
// Bars of one line: a part of a width in eighths of a cell, progress, and a row of heights.

import type { Glyphs } from './glyphs.js';

/** A bar of `fraction` (0 … 1) of `width` cells. Anything above nothing shows. */
export function bar(fraction: number, width: number, { eighths }: Glyphs): string {
  const steps = eighths.length - 1;
  const part = clamp(fraction) * width * steps;
  const units = fraction > 0 ? Math.max(1, Math.round(part)) : 0;
  return (eighths[steps] ?? '').repeat(Math.floor(units / steps)) + (eighths[units % steps] ?? '');
}

/** A progress line: done and open parts, always `width` cells together. */
export function progress(
  fraction: number,
  width: number,
  glyphs: Glyphs,
): { readonly done: string; readonly open: string } {
  const cells = Math.round(clamp(fraction) * width);
  return { done: glyphs.done.repeat(cells), open: glyphs.open.repeat(width - cells) };
}

/** Values as heights, one cell each, the highest of them full. */
export function sparkline(values: readonly number[], { heights }: Glyphs): string {
  const top = Math.max(...values, 0);
  const steps = heights.length - 1;
  const cell = (value: number): string =>
    heights[top > 0 && value > 0 ? Math.max(1, Math.round((value / top) * steps)) : 0] ?? '';
  return values.map(cell).join('');
}

function clamp(fraction: number): number {
  return Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : 0;
}
