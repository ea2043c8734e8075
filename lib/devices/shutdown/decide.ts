// SPDX-License-Identifier: MIT
//
// Asks a script's handler about a shutdown, and no longer than its limit: a host that waits for ever is worse than a drain that
// was cut short.
// Called by ../shutdown.ts.

import { IcStatus } from '../../protocol/ic.js';
import { within } from '../../within.js';
import type { ShutdownAnswer } from './types.js';

/** What was decided. */
export type Decision =
  | { readonly accepts: true; readonly isOverdue?: boolean; readonly error?: undefined }
  | { readonly accepts: false; readonly status: number; readonly isOverdue?: boolean; readonly error?: unknown };

type Handler = (signal: AbortSignal) => ShutdownAnswer | Promise<ShutdownAnswer>;

/** How long, until when, and what then. */
export interface DecisionLimits {
  readonly limitMs: number;
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal;
  readonly acceptsOverdue: boolean;
}

/** Runs the handler. Never throws. */
export async function decide(handler: Handler, { limitMs, signal, acceptsOverdue }: DecisionLimits): Promise<Decision> {
  try {
    return await within(
      { signal, timeoutMs: limitMs },
      (inner) => ask(handler, inner),
      () => new DOMException('the time for getting ready is over', 'TimeoutError'),
    );
  } catch {
    return acceptsOverdue
      ? { accepts: true, isOverdue: true }
      : { accepts: false, status: IcStatus.failed, isOverdue: true };
  }
}

async function ask(handler: Handler, signal: AbortSignal): Promise<Decision> {
  try {
    const refusal = await handler(signal);
    if (typeof refusal !== 'object') return { accepts: true };
    const status = Number(refusal.refuse);
    // A refusal must not read as an agreement.
    const isFailure = Number.isInteger(status) && status > 0 && status <= 0xffff_ffff;
    return { accepts: false, status: isFailure ? status : IcStatus.failed };
  } catch (error) {
    return { accepts: false, status: IcStatus.failed, error };
  }
}
