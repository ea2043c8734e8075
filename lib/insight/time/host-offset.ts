// SPDX-License-Identifier: MIT
//
// How far this guest's clock is from the host's: the host's clock, as the kernel offers it, read between two looks at ours.
// Called by report.ts. Nothing here sets a clock.

import { closeSync, openSync } from 'node:fs';
import { errnoName, VmbusError } from '../../errors.js';
import { native } from '../../native/load.js';
import type { HostOffset, PtpClock } from './types.js';

/** Of so many readings the quickest counts: what came between its two looks at our clock disturbed it least. */
const readings = 8;

const none = (reason: string): HostOffset => ({ seconds: null, uncertaintySeconds: null, source: null, reason });

/** The offset, by the clock of the running system. Never throws. */
export function readHostOffset(root: string, ptp: readonly PtpClock[]): HostOffset {
  const clock = ptp.find(({ isHost }) => isHost);
  if (clock === undefined) return none('the kernel offers no clock of the host (a PTP clock called hyperv)');
  if (root !== '/') return none('the clock can be read in the guest only, not in a copy of its files');
  if (clock.node === null) return none(`${clock.name} has no node in /dev`);
  try {
    return measure(clock.node);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'EACCES' || code === 'EPERM') return none(`only root may read ${clock.node}`);
    return none(VmbusError.is(error) ? error.message : `${clock.node} can't be read: ${code}`);
  }
}

function measure(node: string): HostOffset {
  const fd = openSync(node, 'r');
  try {
    const numbers = new Float64Array(6);
    let best: { readonly seconds: number; readonly uncertaintySeconds: number } | null = null;
    for (let i = 0; i < readings; i++) {
      const answer = native().readPtpClock(fd, numbers);
      if (answer < 0) return none(failure(node, errnoName(-answer)));
      const found = offsetOf(numbers);
      if (best === null || found.uncertaintySeconds < best.uncertaintySeconds) best = found;
    }
    return best === null ? none('') : { ...best, source: node, reason: null };
  } finally {
    closeSync(fd);
  }
}

/**
 * Guest minus host of six numbers: seconds and nanoseconds of our clock before, the host's, and ours after. Exact: seconds are
 * taken from each other before they meet nanoseconds.
 */
export function offsetOf(numbers: Float64Array): { readonly seconds: number; readonly uncertaintySeconds: number } {
  const [s0 = 0, n0 = 0, s1 = 0, n1 = 0, s2 = 0, n2 = 0] = numbers;
  const half = (s2 - s0 + (n2 - n0) / 1e9) / 2;
  return { seconds: s0 - s1 + (n0 - n1) / 1e9 + half, uncertaintySeconds: Math.abs(half) };
}

function failure(node: string, errno: string): string {
  if (errno === 'ESTALE') return `${node} is stale: the host has sent no time for ten minutes`;
  return `${node} can't be read: ${errno}`;
}
