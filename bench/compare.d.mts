// SPDX-License-Identifier: MIT
//
// Types of compare.mjs.
import type { Row } from './result.d.mts';

export interface Change {
  name: string;
  key: string;
  unit?: string;
  before: number;
  after: number;
  percent: number;
  isClear: boolean;
}

export declare function changes(earlier: { rows: readonly Row[] }, later: { rows: readonly Row[] }): Change[];
