// SPDX-License-Identifier: MIT
//
// Types of goals.mjs.
import type { Row, Verdict } from './result.d.mts';

export interface Promised {
  row: string;
  against: string;
  least: Record<string, number>;
}

export interface Bound {
  row: string;
  most: Record<string, number>;
  unit: string;
}

export declare function judge(
  rows: readonly Row[],
  wanted?: { promises?: readonly Promised[]; bounds?: readonly Bound[] },
): Verdict[];
