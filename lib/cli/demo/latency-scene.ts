// SPDX-License-Identifier: MIT
//
// The scene of the round trips: a histogram of their times.

import type { Channel } from '../../index.js';
import type { Bin } from '../draw/histogram.js';
import { bins, histogram } from '../draw/histogram.js';
import { LiveLines } from '../draw/live-line.js';
import { grouped, time } from '../figures.js';
import type { LatencyResult } from './latency.js';
import { measureLatency } from './latency.js';
import type { Stage } from './stage.js';
import { say, tell } from './stage.js';

/** What the scene plays with. */
export interface LatencyScene {
  readonly channel: Channel;
  readonly count: number;
  readonly mostMs: number;
  readonly payloadBytes: number;
}

const barCells = 44;
const classes = 12;

/** Plays the scene. */
export async function playLatency(
  stage: Stage,
  { channel, count, mostMs, payloadBytes }: LatencyScene,
): Promise<LatencyResult> {
  const { out, signal } = stage;
  const live = new LiveLines(out);
  const result = await measureLatency(channel, {
    count,
    mostMs,
    payloadBytes,
    signal,
    onProgress: (done) => live.update(() => [`  ${out.paint.dim(`${grouped(done)} round trips`)}`]),
  });
  live.clear();
  if (!out.json) draw(stage, result, payloadBytes);
  return result;
}

function draw(stage: Stage, result: LatencyResult, payloadBytes: number): void {
  const { out, glyphs } = stage;
  const { paint } = out;
  const label = (us: number): string => time(us, glyphs.micro);
  const tint = (text: string, bin: Bin): string => {
    if (bin.from > result.p99) return paint.bad(text);
    return bin.from > result.p90 ? paint.warn(text) : paint.good(text);
  };
  const requests = `${grouped(result.count)} requests of ${payloadBytes} bytes`;
  tell(stage, `${requests}, one after the other, to another process and back`, paint.dim);
  for (const line of histogram(bins(result.timesUs, classes), {
    width: Math.min(barCells, out.width - 20),
    glyphs,
    label,
    paint: tint,
  }))
    say(stage, line);
  say(stage);
  const figures = [
    ['p50', result.p50],
    ['p90', result.p90],
    ['p99', result.p99],
    ['max', result.max],
  ] as const;
  say(stage, figures.map(([name, us]) => `${paint.dim(name)} ${paint.bold(label(us))}`).join('    '));
}
