// SPDX-License-Identifier: MIT
//
// The result of a command to a served host, as lines of text.
// Called by: control.ts.

import type { Paint } from '../paint.js';
import { renderTable } from '../table.js';
import { fieldsText, valueText } from './event-text.js';

/** `ok` for what is done; a table of things, a line for each text of a list, and for each field of an object. */
export function answerText(result: unknown, paint: Paint): string[] {
  if (result === undefined) return ['ok'];
  if (Array.isArray(result)) return result.length > 0 ? listText(result, paint) : ['none'];
  if (typeof result !== 'object' || result === null) return [lineOf(result)];
  return Object.entries(result).map(([name, value]) => fieldsText('', { [name]: value }));
}

function listText(list: readonly unknown[], paint: Paint): string[] {
  const [first] = list;
  if (typeof first !== 'object' || first === null) return list.map(lineOf);
  const titles = Object.keys(first);
  const cell = (value: unknown): string => (value === null || value === undefined ? '' : valueText(value));
  const rows = (list as readonly Record<string, unknown>[]).map((row) => titles.map((title) => cell(row[title])));
  const columns = titles.map((title) => ({ title: title.replace(/[A-Z]/g, ' $&').toUpperCase() }));
  return [renderTable(columns, rows, paint)];
}

function lineOf(value: unknown): string {
  return value === null ? 'none' : String(value);
}
