// SPDX-License-Identifier: MIT
//
// The demonstration in a real guest: reading only. The tree, what each device is for, and the channels' interrupts for a
// few seconds.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus, Device } from '../../index.js';
import { busTree } from '../device-text.js';
import { sparkline } from '../draw/bar.js';
import { LiveLines } from '../draw/live-line.js';
import { short } from '../figures.js';
import { purposeOf } from './purposes.js';
import type { Stage } from './stage.js';
import { heading, say } from './stage.js';

const samples = 16;
const sampleMs = 250;
const shown = 10;

/** Interrupts of one channel per second, sample by sample. */
export interface ChannelRate {
  readonly device: string;
  readonly class: string;
  readonly relid: number;
  readonly cpu: number | null;
  readonly perSecond: readonly number[];
}

/** Plays the demonstration on a real bus, or on a captured one, where nothing moves. */
export async function playGuest(
  stage: Stage,
  bus: Bus,
): Promise<{ readonly devices: number; readonly rates: readonly ChannelRate[] }> {
  const { out, glyphs } = stage;
  const devices = bus.devices();
  heading(stage, 'The bus');
  if (!out.json)
    out.line(
      busTree(bus, devices, { paint: out.paint, glyphs, verbosity: 0 })
        .map((line) => `  ${line}`)
        .join('\n'),
    );
  heading(stage, 'What they are for');
  const wide = Math.max(...devices.map((device) => device.class.name.length), 0);
  for (const device of devices)
    say(stage, `${out.paint.bold(device.class.name.padEnd(wide))}  ${purposeOf(device.class)}`);
  if (bus.kind === 'snapshot') return { devices: devices.length, rates: [] };
  heading(stage, 'Interrupts per second');
  return { devices: devices.length, rates: await watchRates(stage, bus) };
}

async function watchRates(stage: Stage, bus: Bus): Promise<readonly ChannelRate[]> {
  const live = new LiveLines(stage.out);
  const series = new Map<number, ChannelRate & { readonly perSecond: number[] }>();
  let before = counters(bus.devices());
  for (let i = 0; i < samples; i++) {
    await sleep(sampleMs, undefined, { signal: stage.signal });
    const now = counters(bus.devices());
    for (const [relid, { device, cpu, interrupts, atMs }] of now) {
      const last = before.get(relid);
      const rate = last ? (Number(interrupts - last.interrupts) / (atMs - last.atMs)) * 1000 : 0;
      const known = series.get(relid) ?? { device: device.id, class: device.class.name, relid, cpu, perSecond: [] };
      known.perSecond.push(Math.max(0, rate));
      series.set(relid, known);
    }
    before = now;
    live.update(() => rateLines(stage, [...series.values()]));
  }
  const rates = [...series.values()];
  if (stage.out.json) return rates;
  live.finish(rateLines(stage, rates));
  return rates;
}

interface Counter {
  readonly device: Device;
  readonly cpu: number | null;
  readonly interrupts: bigint;
  readonly atMs: number;
}

function counters(devices: readonly Device[]): Map<number, Counter> {
  const found = new Map<number, Counter>();
  for (const device of devices) {
    for (const { relid, cpu, interrupts } of device.channels) {
      if (interrupts !== null) found.set(relid, { device, cpu, interrupts, atMs: performance.now() });
    }
  }
  return found;
}

/** The busiest channels, busiest first. */
function rateLines({ out, glyphs }: Stage, rates: readonly ChannelRate[]): string[] {
  const mean = ({ perSecond }: ChannelRate): number =>
    perSecond.reduce((sum, value) => sum + value, 0) / perSecond.length;
  const sorted = [...rates].sort((a, b) => mean(b) - mean(a)).slice(0, shown);
  if (sorted.length === 0) return ['  no channel shows its counters'];
  const wide = Math.max(...sorted.map((rate) => rate.class.length));
  return sorted.map((rate) => {
    const spark = sparkline(rate.perSecond, glyphs).padEnd(samples);
    const place = `${rate.class.padEnd(wide)}  channel ${String(rate.relid).padStart(3)}  CPU ${String(rate.cpu ?? '?').padStart(3)}`;
    return `  ${place}  ${out.paint.accent(spark)} ${short(mean(rate)).padStart(7)}/s`;
  });
}
