// SPDX-License-Identifier: MIT
//
// Types of budget.mjs.
import type { Row } from './result.d.mts';
import type { Spread } from './statistics.d.mts';

export interface Step {
  step: string;
  row: string;
  over: string | null;
}

export interface BudgetLine {
  step: string;
  bySize: Record<string, Spread>;
}

export declare function budget(rows: readonly Row[], wanted?: { of?: readonly Step[] }): BudgetLine[];
