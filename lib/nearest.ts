// SPDX-License-Identifier: MIT
//
// Which known word was probably meant.
// Called by: check.ts, bus/find-device.ts.

/** The name with the fewest edits, whatever the case; null where none is near enough to be meant. */
export function nearest(wanted: string, names: Iterable<string>): string | null {
  let best: string | null = null;
  let fewest = Number.POSITIVE_INFINITY;
  for (const name of new Set(names)) {
    const edits = distance(wanted.toLowerCase(), name.toLowerCase());
    const bound = Math.max(1, Math.floor(Math.max(wanted.length, name.length) / 3));
    if (edits <= bound && edits < fewest) [best, fewest] = [name, edits];
  }
  return best;
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
