// SPDX-License-Identifier: MIT
//
// Types of statistics.mjs.

export interface Spread {
  median: number;
  low: number;
  high: number;
}

export declare function quantile(numbers: readonly number[], q: number): number;
export declare function median(numbers: readonly number[]): number;
export declare function spread(numbers: readonly number[]): Spread;
export declare function ratio(theirs: readonly number[], ours: readonly number[]): Spread & { best: number };
