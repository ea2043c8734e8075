// SPDX-License-Identifier: MIT
//
// Tables without lines: columns two spaces apart, numbers to the right, coloured and wide text measured as it is shown.
// Our own, because a table library costs more time to load than `hv ls` takes to read the bus.

import { stripVTControlCharacters } from 'node:util';
import type { Paint } from './paint.js';

/** A column: its title, and which way it leans. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Characters that take two cells: East Asian wide and full-width forms, and pictographs. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
/** Characters that take none: marks that sit on the one before. */
const mark = /\p{Mark}/u;

/** Cells that a text takes on a terminal. */
export function cellWidth(text: string): number {
  let cells = 0;
  for (const character of stripVTControlCharacters(text)) {
    if (wide.test(character)) cells += 2;
    else if (!mark.test(character)) cells += 1;
  }
  return cells;
}

/** Lines of a table, without spaces at their ends. Empty cells are shown as `-`. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[], paint: Paint): string {
  const cells = [
    columns.map(({ title }) => paint.dim(title)),
    ...rows.map((row) => columns.map((_, i) => row[i] || '-')),
  ];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => cellWidth(row[i] ?? ''))));
  return cells.map((row) => line(row, columns, widths)).join('\n');
}

function line(row: readonly string[], columns: readonly Column[], widths: readonly number[]): string {
  const padded = row.map((cell, i) => {
    const space = ' '.repeat(Math.max(0, (widths[i] ?? 0) - cellWidth(cell)));
    if (columns[i]?.align === 'right') return space + cell;
    return i === row.length - 1 ? cell : cell + space;
  });
  return padded.join('  ').trimEnd();
}
