// SPDX-License-Identifier: MIT
//
// The characters pictures are made of: Unicode where the locale can, ASCII elsewhere.

/** One set of characters. */
export interface Glyphs {
  readonly unicode: boolean;
  /** Tree: a branch, the last branch, a stem, nothing. */
  readonly branch: string;
  readonly last: string;
  readonly stem: string;
  readonly gap: string;
  readonly rule: string;
  readonly axis: string;
  readonly corner: string;
  readonly tick: string;
  readonly done: string;
  readonly open: string;
  /** Eighths of a cell, growing to the right; the last one is full. */
  readonly eighths: readonly string[];
  /** Heights of a cell, from empty to full. */
  readonly heights: readonly string[];
  readonly dot: string;
  readonly arrow: string;
  readonly micro: string;
  readonly check: string;
  readonly cross: string;
}

const unicode: Glyphs = {
  unicode: true,
  branch: '├─ ',
  last: '└─ ',
  stem: '│  ',
  gap: '   ',
  rule: '─',
  axis: '│',
  corner: '└',
  tick: '┤',
  done: '━',
  open: '─',
  eighths: ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'],
  heights: [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
  dot: '·',
  arrow: '→',
  micro: 'µs',
  check: '✓',
  cross: '✗',
};

const ascii: Glyphs = {
  unicode: false,
  branch: '|- ',
  last: '`- ',
  stem: '|  ',
  gap: '   ',
  rule: '-',
  axis: '|',
  corner: '+',
  tick: '+',
  done: '=',
  open: '-',
  eighths: ['', '#'],
  heights: [' ', '.', ':', '|'],
  dot: '-',
  arrow: '->',
  micro: 'us',
  check: 'ok',
  cross: 'x',
};

/** The set for a locale. */
export function glyphsFor(isUnicode: boolean): Glyphs {
  return isUnicode ? unicode : ascii;
}
