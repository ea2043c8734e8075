// SPDX-License-Identifier: MIT
//
// Whether a run keeps what is promised: ratios within 5 % of the figure, limits as they stand.
import { limits, ratios } from './promises.mjs';
import { ratio } from './statistics.mjs';

const tolerance = 0.05;
const figureOf = (row, key) => row.bySize?.[key] ?? row.values?.[key];
const roundsOf = (row, key) => row.rounds?.[key] ?? [figureOf(row, key)];

function judgeRatio({ row: name, against, least }, rows) {
  const ours = rows.get(name);
  const theirs = rows.get(against);
  if (!ours || !theirs) return [];
  return Object.entries(least)
    .filter(([key]) => figureOf(ours, key) !== undefined && figureOf(theirs, key) !== undefined)
    .map(([key, goal]) => {
      const { median, ...others } = ratio(roundsOf(theirs, key), roundsOf(ours, key));
      return {
        name,
        against,
        key,
        figure: median,
        ...others,
        goal,
        kind: 'least',
        met: median >= goal * (1 - tolerance),
      };
    });
}

function judgeLimit({ row: name, most, unit }, rows) {
  const row = rows.get(name);
  if (!row) return [];
  return Object.entries(most)
    .filter(([key]) => figureOf(row, key) !== undefined)
    .map(([key, goal]) => {
      const figure = figureOf(row, key);
      return {
        name,
        against: null,
        key,
        figure,
        low: figure,
        high: figure,
        goal,
        unit,
        kind: 'most',
        met: figure <= goal,
      };
    });
}

/** One verdict for each promise whose rows were measured. */
export function judge(rows, { promises = ratios, bounds = limits } = {}) {
  const byName = new Map(rows.map((row) => [row.name, row]));
  return [
    ...promises.flatMap((promise) => judgeRatio(promise, byName)),
    ...bounds.flatMap((bound) => judgeLimit(bound, byName)),
  ];
}
