// SPDX-License-Identifier: MIT
//
// What the channel promises, as ratios between rows of one run (higher = faster than the other) and as limits, and whether a
// run keeps it: within 5 % of the figure.
import { ratio } from './statistics.mjs';

const tolerance = 0.05;
export const anchorA = 'A: DPDK in a C loop';
export const anchorB = 'B: kernel tree in a C loop';
export const ownCore = 'C++ core in a C++ loop';
const sizes = [64, 1024, 4096, 16384];
const bySize = (...figures) => Object.fromEntries(figures.map((figure, i) => [sizes[i], figure]));

/** `least` has the promised ratio by key of the row: a payload size, or a figure's name. */
export const ratios = [
  { row: 'receive: drain(visitor)', against: `receive: ${anchorA}`, least: bySize(1.7, 1, 0.95, 0.9) },
  { row: 'receive: drain(visitor)', against: `receive: ${anchorB}`, least: bySize(0.85, 0.7, 0.88, 0.88) },
  { row: 'send: trySendMany', against: `send: ${anchorA}`, least: bySize(4, 1.5, 1.05, 1) },
  { row: 'receive: batches()', against: `receive: ${anchorA}`, least: bySize(1.5, 0.9, 0.8, 0.7) },
  { row: 'receive: batches(), a view each', against: `receive: ${anchorA}`, least: bySize(0.3, 0.3, 0.45, 0.5) },
  { row: 'receive: for await (packet)', against: `receive: ${anchorA}`, least: bySize(0.15, 0.2, 0.38, 0.5) },
  { row: 'two threads: drain(visitor)', against: `two threads: ${anchorA}`, least: bySize(3, 1.5, 1, 1) },
  { row: `receive: ${ownCore}`, against: `receive: ${anchorB}`, least: bySize(1, 1, 1, 1) },
  { row: `send: ${ownCore}`, against: `send: ${anchorB}`, least: bySize(1, 1, 1, 1) },
];

/** `most` has the largest figure that keeps the promise. Nothing is added to it: it is a bound already. */
export const limits = [];

const figureOf = (row, key) => row.bySize?.[key] ?? row.values?.[key];
const roundsOf = (row, key) => row.rounds?.[key] ?? [figureOf(row, key)];

function judgeRatio({ row: name, against, least }, rows) {
  const ours = rows.get(name);
  const theirs = rows.get(against);
  if (!ours || !theirs) return [];
  return Object.entries(least)
    .filter(([key]) => figureOf(ours, key) !== undefined && figureOf(theirs, key) !== undefined)
    .map(([key, goal]) => {
      const { median, low, high } = ratio(roundsOf(theirs, key), roundsOf(ours, key));
      return {
        name,
        against,
        key,
        figure: median,
        low,
        high,
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
