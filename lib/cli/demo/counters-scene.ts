// SPDX-License-Identifier: MIT
//
// The scene of the counters: what the channel did for all those packets, and how rarely it had to cross a boundary.

import type { ChannelStats } from '../../index.js';
import { bytes, grouped } from '../figures.js';
import type { Stage } from './stage.js';
import { say } from './stage.js';

/** Prints the counters. */
export function playCounters(stage: Stage, stats: ChannelStats): void {
  const { paint } = stage.out;
  const row = (name: string, value: string, remark: string): void =>
    say(stage, `${name.padEnd(20)} ${paint.bold(value.padStart(12))}   ${paint.dim(remark)}`);
  row('packets out', grouped(stats.packetsOut), bytes(stats.bytesOut));
  row('packets in', grouped(stats.packetsIn), bytes(stats.bytesIn));
  row('wakes', grouped(stats.wakes), `the host told us; ${perEach(stats.packetsIn, stats.wakes)} packets each`);
  row(
    'doorbells',
    grouped(stats.doorbells),
    `we told the host; ${perEach(stats.packetsOut, stats.doorbells)} packets each`,
  );
  row('ring full', grouped(stats.ringFull), 'times a send had to wait for space');
}

function perEach(packets: number, times: number): string {
  return times === 0 ? 'no' : grouped(Math.round(packets / times));
}
