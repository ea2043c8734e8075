// SPDX-License-Identifier: MIT
//
// "Did you mean …": the known names closest to a mistyped one.

/** Number of insertions, deletions, replacements and swaps of neighbours between two words. */
export function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) row.push(cheapest(rows, row, { a, b, i, j }));
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? 0;
}

interface Step {
  readonly a: string;
  readonly b: string;
  readonly i: number;
  readonly j: number;
}

function cheapest(rows: readonly number[][], row: readonly number[], { a, b, i, j }: Step): number {
  const above = rows[i - 1] ?? [];
  const same = a[i - 1] === b[j - 1];
  const plain = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + (same ? 0 : 1));
  const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
  return swapped ? Math.min(plain, (rows[i - 2]?.[j - 2] ?? 0) + 1) : plain;
}

/** Up to three known names that a mistyped one was probably meant to be, closest first. */
export function nearest(wrong: string, known: Iterable<string>): string[] {
  const word = wrong.toLowerCase();
  const limit = Math.max(1, Math.floor(word.length / 3));
  return [...new Set(known)]
    .map((name) => ({ name, distance: distanceTo(word, name.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .sort((x, y) => x.distance - y.distance || x.name.localeCompare(y.name))
    .slice(0, 3)
    .map(({ name }) => name);
}

function distanceTo(word: string, name: string): number {
  if (word.length >= 2 && name.startsWith(word)) return 0.5;
  return editDistance(word, name);
}

/** "did you mean eth0 or eth1?", or nothing when no name is close. */
export function didYouMean(wrong: string, known: Iterable<string>): string | undefined {
  const names = nearest(wrong, known);
  if (names.length === 0) return undefined;
  const last = names.at(-1);
  return `did you mean ${names.length === 1 ? last : `${names.slice(0, -1).join(', ')} or ${last}`}?`;
}
