// SPDX-License-Identifier: MIT
//
// `hv chan ping`: round trips on a device that answers, with the figures ping(8) ends with.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel } from '../../index.js';
import { VmbusError } from '../../index.js';
import type { Context } from '../context.js';
import { glyphsFor } from '../draw/glyphs.js';
import { percentile } from '../draw/histogram.js';
import { ExitCode } from '../exit-codes.js';
import { time } from '../figures.js';
import { openDevice } from '../open-device.js';
import { UsageError } from '../usage-error.js';

interface Options {
  readonly count: number;
  readonly interval: number;
  readonly size: number;
  readonly timeout: number;
  readonly quiet?: boolean;
}

/** What one run counts. */
interface Tally {
  sent: number;
  lost: number;
  corrupt: number;
  readonly timesUs: number[];
}

/** Runs `hv chan ping`. */
export async function ping(context: Context, name: string, options: Options): Promise<number> {
  const { out } = context;
  const { device, channel } = await openDevice(context, name);
  if (options.size < 8 || options.size > channel.maxPayloadBytes) {
    throw new UsageError(`a payload of ${options.size} bytes does not go: 8 to ${channel.maxPayloadBytes} do`);
  }
  const head = `${device.class.name} ${device.id}, channel ${channel.relid}`;
  if (!out.json) out.line(`PING ${head}: ${options.size} bytes`);
  const tally: Tally = { sent: 0, lost: 0, corrupt: 0, timesUs: [] };
  const startMs = performance.now();
  await run(context, { channel, options, tally });
  const result = summary(tally, performance.now() - startMs);
  if (out.json)
    out.document('vmbus.ping/1', { device: device.id, channel: channel.relid, sizeBytes: options.size, ...result });
  else printSummary(context, head, result);
  return result.received === result.sent && result.corrupt === 0 && result.sent > 0 ? ExitCode.ok : ExitCode.failed;
}

interface Run {
  readonly channel: Channel;
  readonly options: Options;
  readonly tally: Tally;
}

/** Until the count is reached, or Ctrl-C: the summary comes in both cases. */
async function run({ out, signal }: Context, { channel, options, tally }: Run): Promise<void> {
  const micro = glyphsFor(out.unicode).micro;
  for (let seq = 1; (options.count === 0 || seq <= options.count) && !signal.aborted; seq++) {
    const us = await once(channel, { seq, options, tally, signal });
    if (signal.aborted) return;
    if (!options.quiet && !out.json)
      out.line(us === null ? `seq=${seq} no answer` : `${options.size} bytes: seq=${seq} time=${time(us, micro)}`);
    if (options.interval > 0 && seq !== options.count)
      await sleep(options.interval, undefined, { signal }).catch(() => undefined);
  }
}

interface Once {
  readonly seq: number;
  readonly options: Options;
  readonly tally: Tally;
  readonly signal: AbortSignal;
}

/** One round trip in µs; null when no answer came in time. */
async function once(channel: Channel, { seq, options, tally, signal }: Once): Promise<number | null> {
  const payload = pattern(options.size, seq);
  const start = performance.now();
  tally.sent += 1;
  try {
    const answer = await channel.request(payload, { signal, timeoutMs: options.timeout });
    const us = (performance.now() - start) * 1000;
    tally.timesUs.push(us);
    if (Buffer.compare(answer.payload.subarray(0, payload.length), payload) !== 0) tally.corrupt += 1;
    return us;
  } catch (error) {
    if (signal.aborted) {
      tally.sent -= 1;
      return null;
    }
    if (!VmbusError.is(error) || error.code !== 'ERR_VMBUS_TIMEOUT') throw error;
    tally.lost += 1;
    return null;
  }
}

/** A payload that no other round trip has, so that a late or torn answer shows. */
function pattern(sizeBytes: number, seq: number): Uint8Array {
  const payload = new Uint8Array(sizeBytes);
  for (let i = 0; i < sizeBytes; i++) payload[i] = (i * 7 + seq) & 0xff;
  new DataView(payload.buffer).setUint32(0, seq, true);
  return payload;
}

interface Summary {
  readonly sent: number;
  readonly received: number;
  readonly corrupt: number;
  readonly lossPercent: number;
  readonly elapsedMs: number;
  readonly rttUs: Readonly<Record<'min' | 'avg' | 'max' | 'mdev' | 'p50' | 'p90' | 'p99', number | null>>;
}

function summary({ sent, corrupt, timesUs }: Tally, elapsedMs: number): Summary {
  const sorted = [...timesUs].sort((a, b) => a - b);
  const n = sorted.length;
  const avg = sorted.reduce((sum, us) => sum + us, 0) / n;
  const mdev = Math.sqrt(sorted.reduce((sum, us) => sum + (us - avg) ** 2, 0) / n);
  const round = (us: number | undefined): number | null =>
    us === undefined || !Number.isFinite(us) ? null : Math.round(us * 10) / 10;
  const rttUs = {
    min: round(sorted[0]),
    avg: round(avg),
    max: round(sorted.at(-1)),
    mdev: round(mdev),
    p50: round(percentile(sorted, 0.5)),
    p90: round(percentile(sorted, 0.9)),
    p99: round(percentile(sorted, 0.99)),
  };
  const lossPercent = sent === 0 ? 0 : Math.round(((sent - n) / sent) * 1000) / 10;
  return { sent, received: n, corrupt, lossPercent, elapsedMs: Math.round(elapsedMs), rttUs };
}

function printSummary(
  { out }: Context,
  head: string,
  { sent, received, corrupt, lossPercent, elapsedMs, rttUs }: Summary,
): void {
  const micro = glyphsFor(out.unicode).micro;
  out.line(`\n--- ${head} ---`);
  const wrong = corrupt > 0 ? `, ${corrupt} with wrong bytes` : '';
  out.line(`${sent} sent, ${received} received${wrong}, ${lossPercent}% lost, ${elapsedMs} ms`);
  if (received === 0) return;
  const text = (us: number | null): string => (us === null ? '-' : time(us, micro));
  out.line(`rtt min/avg/max/mdev ${[rttUs.min, rttUs.avg, rttUs.max, rttUs.mdev].map(text).join(' / ')}`);
  out.line(`rtt p50/p90/p99      ${[rttUs.p50, rttUs.p90, rttUs.p99].map(text).join(' / ')}`);
}
