// SPDX-License-Identifier: MIT
//
// Tables without lines: columns two spaces apart, numbers to the right. cli-table3 knows the widths of wide characters
// and of coloured text.

import Table from 'cli-table3';
import type { Paint } from './paint.js';

/** A column: its title, and which way it leans. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const noLines = {
  top: '', 'top-mid': '', 'top-left': '', 'top-right': '',
  bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
  left: '', 'left-mid': '', mid: '', 'mid-mid': '',
  right: '', 'right-mid': '', middle: '  ',
} as const;

/** Lines of a table, without spaces at their ends. Empty cells are shown as `-`. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[], paint: Paint): string {
  const table = new Table({
    chars: noLines,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colAligns: columns.map(({ align }) => align ?? 'left'),
  });
  table.push(columns.map(({ title }) => paint.dim(title)), ...rows.map((row) => row.map((cell) => cell || '-')));
  return table.toString().split('\n').map(trimEnd).join('\n');
}

/** Spaces at the end of a line, also before the end of a colour. */
function trimEnd(line: string): string {
  return line.replace(/ +((?:\u001b\[[0-9;]*m)*)$/, '$1');
}
