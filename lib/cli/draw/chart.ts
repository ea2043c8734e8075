// SPDX-License-Identifier: MIT
//
// A filled chart of values over time: braille dots (two columns and four rows a cell) or one ASCII column a cell.

import type { Glyphs } from './glyphs.js';

/** What a chart shows and how large. */
export interface ChartOptions {
  /** Cells of the plot, without labels. */
  readonly columns: number;
  readonly rows: number;
  readonly glyphs: Glyphs;
  /** Label of a value on the vertical axis. */
  label(value: number): string;
  /** Labels at the two ends of the horizontal axis. */
  readonly from: string;
  readonly to: string;
}

/** Bits of a braille cell, from its lowest dot up, for the left and the right column. */
const dots = [
  [0x40, 0x04, 0x02, 0x01],
  [0x80, 0x20, 0x10, 0x08],
] as const;

/** Lines of the chart, axes and labels included. Values are spread over the width; the vertical axis starts at 0. */
export function chart(values: readonly number[], options: ChartOptions): string[] {
  const { columns, rows, glyphs } = options;
  const perCell = glyphs.unicode ? 2 : 1;
  const series = resample(values, columns * perCell);
  const top = ceiling(Math.max(...series, 0));
  const plot = glyphs.unicode ? braille(series, { columns, rows, top }) : hashes(series, { rows, top });
  return [...labelled(plot, top, options), ...baseline(top, options)];
}

/** Averages of `count` equal parts of a series; each part takes at least the value it lies on. */
export function resample(values: readonly number[], count: number): number[] {
  if (values.length === 0) return Array.from({ length: count }, () => 0);
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * values.length) / count);
    const to = Math.max(from + 1, Math.floor(((i + 1) * values.length) / count));
    const part = values.slice(from, to);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}

/** The next of 1, 1.5, 2, 3, 4, 5, 6, 8, 10 times a power of ten: a round end for an axis. */
export function ceiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((n) => n * power >= value * 0.999);
  return (step ?? 10) * power;
}

interface Area {
  readonly columns: number;
  readonly rows: number;
  readonly top: number;
}

function braille(series: readonly number[], { columns, rows, top }: Area): string[] {
  const levels = series.map((value) => Math.round((value / top) * rows * 4));
  return Array.from({ length: rows }, (_, line) => {
    const floor = (rows - 1 - line) * 4;
    return Array.from({ length: columns }, (__, column) => {
      const bits = dots.flatMap((side, half) => side.filter((_bit, k) => (levels[column * 2 + half] ?? 0) > floor + k));
      return String.fromCodePoint(0x2800 + bits.reduce((sum, bit) => sum | bit, 0));
    }).join('');
  });
}

function hashes(series: readonly number[], { rows, top }: Omit<Area, 'columns'>): string[] {
  const levels = series.map((value) => (value / top) * rows);
  return Array.from({ length: rows }, (_, line) => {
    const floor = rows - 1 - line;
    return levels.map((level) => (level >= floor + 0.75 ? '#' : level > floor + 0.25 ? '.' : ' ')).join('');
  });
}

/** Labels at the top, at the half, and at the bottom. */
function labelled(plot: readonly string[], top: number, { label, glyphs, rows }: ChartOptions): string[] {
  const width = labelWidth(top, label);
  const half = Math.floor(rows / 2);
  return plot.map((line, i) => {
    const text = i === 0 ? label(top) : i === half && rows % 2 === 0 ? label(top / 2) : '';
    return `${text.padStart(width)} ${text ? glyphs.tick : glyphs.axis}${line}`;
  });
}

function baseline(top: number, { columns, glyphs, label, from, to }: ChartOptions): string[] {
  const width = labelWidth(top, label);
  const gap = ' '.repeat(Math.max(1, columns - from.length - to.length));
  return [
    `${label(0).padStart(width)} ${glyphs.corner}${glyphs.rule.repeat(columns)}`,
    `${' '.repeat(width + 2)}${from}${gap}${to}`,
  ];
}

function labelWidth(top: number, label: (value: number) => string): number {
  return Math.max(...[top, top / 2, 0].map((value) => label(value).length));
}
