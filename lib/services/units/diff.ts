// SPDX-License-Identifier: MIT
//
// What changes between two texts, line by line, for people to read before they agree.
// Called by plan.ts. Texts are short: no more than a table of their lines is needed.

/** `+new`, `-old`, ` same`; only additions where there was nothing, only removals where nothing is wanted. */
export function lineDiff(before: string | null, after: string | null): readonly string[] {
  const old = linesOf(before);
  const now = linesOf(after);
  // Length of the longest common part of what is left from (i, j) on.
  const common = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = now.length - 1; j >= 0; j--) {
      const row = common[i];
      if (row) row[j] = old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  const lines: string[] = [];
  for (let i = 0, j = 0; i < old.length || j < now.length; ) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      lines.push(` ${old[i++]}`);
      j += 1;
    } else if (i < old.length && (j === now.length || at(i + 1, j) >= at(i, j + 1))) lines.push(`-${old[i++]}`);
    else lines.push(`+${now[j++]}`);
  }
  return lines;
}

/** Of a file that is no text of ours, no more than this is shown. */
const most = 500;

function linesOf(text: string | null): readonly string[] {
  if (text === null || text === '') return [];
  const lines = text.split('\n').slice(0, most);
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}
