// SPDX-License-Identifier: MIT
//
// How a failed run tells what went wrong: `hv: what` and `  hint: what to do next`, or the same as JSON.

import { codeOf } from './exit-codes.js';
import type { Output } from './output.js';
import { UsageError } from './usage-error.js';

/** What is printed of an error. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly [fact: string]: unknown;
}

/** Plain facts of anything thrown. */
export function describeFailure(error: unknown): Failure {
  const code = codeOf(error) ?? 'ERR_HV_INTERNAL';
  const message = error instanceof Error ? error.message : String(error);
  if (hasJson(error)) return withHint(error.toJSON(), code, message);
  if (error instanceof UsageError) return { code, message, ...(error.hint ? { hint: error.hint } : {}) };
  return { code, message };
}

/** An error of the library, from whichever copy of it. */
function hasJson(error: unknown): error is { toJSON(): Record<string, unknown> } {
  return error instanceof Error && 'toJSON' in error && typeof error.toJSON === 'function';
}

function withHint(facts: Record<string, unknown>, code: string, message: string): Failure {
  if (code !== 'ERR_VMBUS_NOT_A_GUEST') return { ...facts, code, message };
  const sim = 'add --sim to try it on a simulated host, or --root DIR for a served or captured one';
  const hint = typeof facts.hint === 'string' && facts.hint.includes('--sim') ? facts.hint : sim;
  return { ...facts, code, message, hint };
}

/** Prints an error to standard error, in the form the run prints in. */
export function printFailure(error: unknown, out: Output): void {
  const failure = describeFailure(error);
  if (out.json) {
    out.error(JSON.stringify({ error: failure }));
    return;
  }
  out.error(`${out.errorPaint.bad('hv:')} ${failure.message}`);
  if (failure.hint) out.error(`  ${out.errorPaint.dim('hint:')} ${failure.hint}`);
  // A bug of ours is worth its stack; a mistake or a refused operation is not.
  if (failure.code === 'ERR_HV_INTERNAL' && error instanceof Error && error.stack) {
    out.error(error.stack.split('\n').slice(1).join('\n'));
  }
}
