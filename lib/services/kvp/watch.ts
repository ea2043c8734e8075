// SPDX-License-Identifier: MIT
//
// Changes of a pool as they happen, and waiting for one. Nothing queues up: each look is compared with the last one, so who
// is slow gets the newest values.
// Called by pool.ts.

import { VmbusError } from '../../errors.js';
import { FileAlarm } from './file-alarm.js';
import { changesBetween } from './pool-changes.js';
import type { KvpChange, KvpPoolState } from './types.js';

/** A pool to look at. */
export interface Watched {
  readonly path: string;
  look(): Promise<KvpPoolState>;
  /** Aborted when the pool closes, or by its owner's signal. */
  readonly closing: AbortSignal;
}

/** Changes from the first call of `next` on. Ends quietly by the signal, and when the pool is closed. */
export async function* watchPool(
  pool: Watched,
  signal: AbortSignal | undefined,
): AsyncGenerator<KvpChange, void, void> {
  const end = signal === undefined ? pool.closing : AbortSignal.any([pool.closing, signal]);
  if (end.aborted) return;
  using alarm = new FileAlarm(pool.path, end);
  let before = await lookOrEnd(pool, end);
  while (before !== null && !end.aborted) {
    await alarm.wait();
    const after = await lookOrEnd(pool, end);
    if (after === null) return;
    yield* changesBetween(before, after);
    before = after;
  }
}

async function lookOrEnd(pool: Watched, end: AbortSignal): Promise<KvpPoolState | null> {
  try {
    return end.aborted ? null : await pool.look();
  } catch (error) {
    if (end.aborted) return null;
    throw error;
  }
}

/** How long to wait, and for what. */
export interface WaitPlan<T> {
  readonly what: string;
  readonly hint: string;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  /** What was waited for, or null. */
  find(state: KvpPoolState): T | null;
}

/** Looks until something is found. @throws VmbusError ERR_VMBUS_TIMEOUT, the signal's reason */
export async function waitInPool<T>(pool: Watched, plan: WaitPlan<T>): Promise<T> {
  const { signal, timeoutMs } = plan;
  const end = signal === undefined ? pool.closing : AbortSignal.any([pool.closing, signal]);
  end.throwIfAborted();
  const deadline = performance.now() + (timeoutMs ?? Number.POSITIVE_INFINITY);
  using alarm = new FileAlarm(pool.path, end);
  for (;;) {
    const found = plan.find(await pool.look());
    if (found !== null) return found;
    end.throwIfAborted();
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) {
      throw new VmbusError('ERR_VMBUS_TIMEOUT', `${plan.what} did not come in ${timeoutMs} ms`, {
        path: pool.path,
        hint: plan.hint,
        facts: { timeoutMs },
      });
    }
    await alarm.wait(leftMs);
    end.throwIfAborted();
  }
}
