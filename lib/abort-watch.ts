// SPDX-License-Identifier: MIT
//
// One listener per AbortSignal, however many waits it ends: a script may give the same signal to a thousand requests, and
// Node warns of a leak after ten listeners.
// Called by: limit.ts, channel/open.ts.

interface Watch {
  readonly waits: Set<() => void>;
  readonly listener: () => void;
}

const watches = new WeakMap<AbortSignal, Watch>();

/** Calls back when the signal aborts, until {@link unwatchAbort}. Signals that are aborted already are the caller's. */
export function watchAbort(signal: AbortSignal, onAbort: () => void): void {
  let watch = watches.get(signal);
  if (watch === undefined) {
    const waits = new Set<() => void>();
    const listener = (): void => {
      for (const wait of [...waits]) wait();
    };
    watch = { waits, listener };
    watches.set(signal, watch);
    signal.addEventListener('abort', listener);
  }
  watch.waits.add(onAbort);
}

export function unwatchAbort(signal: AbortSignal, onAbort: () => void): void {
  const watch = watches.get(signal);
  if (watch === undefined || !watch.waits.delete(onAbort) || watch.waits.size > 0) return;
  signal.removeEventListener('abort', watch.listener);
  watches.delete(signal);
}
