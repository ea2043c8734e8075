// SPDX-License-Identifier: MIT
//
// The scene of the packets: a progress bar while they run, then throughput over time as a chart.

import type { Channel } from '../../index.js';
import { progress } from '../draw/bar.js';
import { chart } from '../draw/chart.js';
import { LiveLines } from '../draw/live-line.js';
import { grouped, short } from '../figures.js';
import type { Stage } from './stage.js';
import { say, tell } from './stage.js';
import type { TrafficPoint, TrafficResult } from './traffic.js';
import { rates, runTraffic } from './traffic.js';

/** What the scene plays with. */
export interface TrafficScene {
  readonly channel: Channel;
  readonly packets: number;
  readonly leastMs: number;
  readonly payloadBytes: number;
}

/** Cells of the bar at most, and what stands beside it. */
const barCells = 40;
const besideBar = 38;
const chartRows = 8;

/** Plays the scene. */
export async function playTraffic(
  stage: Stage,
  { channel, packets, leastMs, payloadBytes }: TrafficScene,
): Promise<TrafficResult> {
  const { out, signal } = stage;
  const live = new LiveLines(out);
  const share = ({ ms, packets: done }: TrafficPoint): number =>
    Math.min(done / packets, leastMs > 0 ? ms / leastMs : 1);
  const result = await runTraffic(channel, {
    packets,
    leastMs,
    payloadBytes,
    signal,
    onProgress: (point) => live.update(() => [progressLine(stage, point, share(point))]),
  });
  if (out.json) return result;
  live.finish([progressLine(stage, { ms: result.elapsedMs, packets: result.packets }, 1)]);
  say(stage);
  drawChart(stage, result);
  return result;
}

function progressLine({ out, glyphs }: Stage, { ms, packets }: TrafficPoint, fraction: number): string {
  const { done, open } = progress(fraction, Math.max(8, Math.min(barCells, out.width - besideBar)), glyphs);
  const rate = ms > 0 ? (packets / ms) * 1000 : 0;
  return `  ${out.paint.accent(done)}${out.paint.dim(open)} ${grouped(packets)} packets  ${out.paint.bold(`${short(rate)}/s`)}`;
}

function drawChart(stage: Stage, result: TrafficResult): void {
  const { out, glyphs } = stage;
  const columns = Math.min(64, out.width - 16);
  const values = rates(result, columns * (glyphs.unicode ? 2 : 1));
  const seconds = result.elapsedMs / 1000;
  const to = `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`;
  const lines = chart(values, { columns, rows: chartRows, glyphs, label: short, from: '0', to });
  const wire = (result.packets * result.payloadBytes * 2) / seconds;
  tell(
    stage,
    `packets of ${result.payloadBytes} bytes there and back, per second; ${short(wire)}B/s of payload`,
    out.paint.dim,
  );
  // The axis and its labels stay as they are, the plot gets the colour.
  for (const [i, line] of lines.entries())
    say(stage, i < chartRows ? paintPlot(line, columns, out.paint.accent) : out.paint.dim(line));
}

function paintPlot(line: string, columns: number, paint: (text: string) => string): string {
  const cells = [...line];
  return cells.slice(0, -columns).join('') + paint(cells.slice(-columns).join(''));
}
