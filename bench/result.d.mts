// SPDX-License-Identifier: MIT
//
// The bench's result as --json writes it: vmbus.bench/1.

import type { BudgetLine } from './budget.d.mts';

/** Figures by payload size or by name, and those of every round; or a note why there are none. */
export interface Row {
  name: string;
  unit?: string;
  bySize?: Record<string, number>;
  values?: Record<string, number>;
  rounds?: Record<string, number[]>;
  note?: string;
}

/** One promise and what came of it. */
export interface Verdict {
  name: string;
  against: string | null;
  key: string;
  figure: number;
  low: number;
  high: number;
  /** Of ratios: the quickest rounds of both against each other. */
  best?: number;
  goal: number;
  kind: 'least' | 'most';
  unit?: string;
  met: boolean;
}

export interface Machine {
  node: string;
  arch: string;
  cpus: number;
  model: string;
  date: string;
}

export interface Result {
  schema: 'vmbus.bench/1';
  machine: Machine;
  rounds: number;
  rows: Row[];
  goals: Verdict[];
  budget: BudgetLine[];
}
