// SPDX-License-Identifier: MIT
//
// The result of a command to a served host, as lines of text.
// Called by: control.ts.

import { fieldsText } from './event-text.js';

/** `ok` for what is done; a line for each thing of a list, and for each field of an object. */
export function answerText(result: unknown): string[] {
  if (result === undefined) return ['ok'];
  if (Array.isArray(result)) return result.length > 0 ? result.map(lineOf) : ['none'];
  if (typeof result !== 'object' || result === null) return [lineOf(result)];
  return Object.entries(result).map(([name, value]) => fieldsText('', { [name]: value }));
}

function lineOf(value: unknown): string {
  if (value === null) return 'none';
  if (typeof value === 'object') return fieldsText('', value as Record<string, unknown>);
  return String(value);
}
