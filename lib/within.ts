// SPDX-License-Identifier: MIT
//
// Work of a script's that somebody waits for, and not for ever.
// Called by devices/ and services/, around handlers, hooks and steps of files.

import { Limit, type Patience } from './limit.js';

/**
 * What the work gives. When patience ends first, its signal aborts, and this rejects with the same: the signal's reason, or the
 * error of `timedOut`. Whatever the work still does then is its own. It is not begun where the signal has aborted already.
 */
export function within<T>(
  patience: Patience,
  work: (signal: AbortSignal) => T | Promise<T>,
  timedOut: (timeoutMs: number) => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    patience.signal?.throwIfAborted();
    const inner = new AbortController();
    const giveUp = (error: unknown): void => {
      inner.abort(error);
      reject(error);
    };
    const limit = new Limit(patience, giveUp, timedOut).ref();
    Promise.resolve(inner.signal)
      .then(work)
      .finally(() => limit.clear())
      .then(resolve, reject);
  });
}
