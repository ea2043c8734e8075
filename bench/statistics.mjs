// SPDX-License-Identifier: MIT
//
// Figures of several rounds: their middle, their spread, and how one compares with another.

/** @param {readonly number[]} numbers @param {number} q 0 … 1 */
export function quantile(numbers, q) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

/** Middle value; of an even count the upper of the two. */
export const median = (numbers) => quantile(numbers, 0.5);

/** Middle value, and the quarters below and above which the outer figures lie. */
export const spread = (numbers) => ({
  median: median(numbers),
  low: quantile(numbers, 0.25),
  high: quantile(numbers, 0.75),
});

/**
 * How many times quicker `ours` is than `theirs`, both in time per packet. Rounds are compared one by one: what disturbed the
 * machine for a while then disturbed both. `best` compares the quickest round of each: on a machine with other work to do only
 * that is steady.
 */
export function ratio(theirs, ours) {
  const rounds = Math.min(theirs.length, ours.length);
  const best = Math.min(...theirs) / Math.min(...ours);
  return { ...spread(Array.from({ length: rounds }, (_, i) => theirs[i] / ours[i])), best };
}
