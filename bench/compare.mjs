// SPDX-License-Identifier: MIT
//
// Two results against each other: how each figure changed, and which change is more than the rounds of both differ anyway.
import { spread } from './statistics.mjs';

const figuresOf = (row) => row?.bySize ?? row?.values ?? {};
const rangeOf = (row, key) => {
  const figure = figuresOf(row)[key];
  return row.rounds?.[key] ? spread(row.rounds[key]) : { median: figure, low: figure, high: figure };
};

/**
 * One change for each figure that both results have.
 * @returns {{ name: string, key: string, unit: string, before: number, after: number, percent: number, isClear: boolean }[]}
 */
export function changes(earlier, later) {
  const before = new Map(earlier.rows.map((row) => [row.name, row]));
  return later.rows.flatMap((row) => {
    const other = before.get(row.name);
    if (!other) return [];
    return Object.keys(figuresOf(row))
      .filter((key) => figuresOf(other)[key] !== undefined)
      .map((key) => {
        const old = rangeOf(other, key);
        const now = rangeOf(row, key);
        const percent = (now.median / old.median - 1) * 100;
        const isClear = now.low > old.high || now.high < old.low;
        return { name: row.name, key, unit: row.unit, before: old.median, after: now.median, percent, isClear };
      });
  });
}

/** A line for each clear change, and how many figures stayed within their spread. */
export function printComparison(earlier, later, print = console.log) {
  const all = changes(earlier, later);
  const clear = all.filter(({ isClear }) => isClear);
  print(`\nagainst the earlier result: ${all.length} figures in both, ${clear.length} with a clear change`);
  const titles = clear.map(({ name, key }) => `${name}, ${/^\d+$/.test(key) ? `${key} B` : key}`);
  const width = Math.max(0, ...titles.map((title) => title.length)) + 2;
  for (const [i, { before, after, percent, unit }] of clear.entries()) {
    const sign = percent > 0 ? '+' : '−';
    print(
      `${titles[i].padEnd(width)}${before.toFixed(1)} → ${after.toFixed(1)} ${unit}  ${sign}${Math.abs(percent).toFixed(0)} %`,
    );
  }
  const { machine: a } = earlier;
  const { machine: b } = later;
  if (a?.node !== b.node || a?.model !== b.model)
    print(`made on ${a?.model}, Node ${a?.node}; now ${b.model}, Node ${b.node}`);
}
