// SPDX-License-Identifier: MIT
//
// Round trips one after the other: a request, its completion, the time between them.

import type { Channel } from '../../index.js';
import { percentile } from '../draw/histogram.js';

/** How many round trips, and when to stop anyway. */
export interface LatencyOptions {
  readonly count: number;
  readonly mostMs: number;
  readonly payloadBytes: number;
  readonly signal: AbortSignal;
  onProgress(done: number): void;
}

/** Times in µs. */
export interface LatencyResult {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly min: number;
  readonly timesUs: readonly number[];
}

/** Round trips that are not counted: the first ones pay for compiling the code. */
const warmUp = 300;

/** Measures. */
export async function measureLatency(channel: Channel, options: LatencyOptions): Promise<LatencyResult> {
  const { count, mostMs, payloadBytes, signal } = options;
  const payload = new Uint8Array(payloadBytes);
  for (let i = 0; i < warmUp; i++) await channel.request(payload, { timeoutMs: 5000 });
  const startMs = performance.now();
  const timesUs: number[] = [];
  while (timesUs.length < count) {
    signal.throwIfAborted();
    const beforeMs = performance.now();
    await channel.request(payload, { timeoutMs: 5000 });
    const nowMs = performance.now();
    timesUs.push((nowMs - beforeMs) * 1000);
    if (nowMs - startMs > mostMs) break;
    options.onProgress(timesUs.length);
  }
  const sorted = [...timesUs].sort((a, b) => a - b);
  const at = (fraction: number): number => percentile(sorted, fraction);
  return { count: sorted.length, min: at(0), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1), timesUs };
}
