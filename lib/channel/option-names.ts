// SPDX-License-Identifier: MIT
//
// Refuses option names that a method does not know, with the name that was probably meant.
// Called by: arguments.ts.

import { invalidType, invalidValue } from '../errors.js';

/**
 * Checks that `options` is an object whose own names are all among `known`.
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 */
export function checkOptionNames(options: unknown, known: readonly string[], argument = 'options'): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidType(argument, 'an object', options);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw invalidValue(argument, `${unknownName(name, known)}`, name);
  }
}

function unknownName(name: string, known: readonly string[]): string {
  const best = known
    .map((candidate) => ({ candidate, distance: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const close = best !== undefined && best.distance <= Math.max(2, Math.floor(best.candidate.length / 2));
  return `has no option of that name; ${close ? `did you mean ${best.candidate}` : `there are ${known.join(', ')}`}`;
}

/** Insertions, deletions and replacements between two words. */
function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    above = row;
  }
  return above[b.length] ?? 0;
}
