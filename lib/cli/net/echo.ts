// SPDX-License-Identifier: MIT
//
// `hv net echo`: sends every frame that is for the card back to its sender, and `hv net bench`: as many frames as go.

import type { Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { grouped } from '../figures.js';
import { openCard } from './open-nic.js';

interface EchoOptions {
  readonly count: number;
  readonly queues: number;
}

/** Runs `hv net echo`. */
export async function echo(context: Context, name: string, options: EchoOptions): Promise<number> {
  const { out, signal } = context;
  const { device, nic } = await openCard(context, name, { queues: options.queues });
  if (!out.json) out.note(`${nic.mac} sends back what it gets; Ctrl-C ends it`);
  let count = 0;
  for await (const batch of nic.frames({ signal })) {
    const frames: Uint8Array[] = [];
    const most = options.count === 0 ? Number.POSITIVE_INFINITY : options.count - count;
    for (let i = 0; i < batch.length && frames.length < most; i += 1) {
      const frame = batch.view(i);
      // Groups are for everybody, and an echo of them would go round and round.
      if (((frame[0] ?? 1) & 1) === 0) frames.push(swapped(frame));
    }
    await nic.send(frames, { queue: batch.queue, signal });
    count += frames.length;
    if (options.count > 0 && count >= options.count) break;
  }
  if (out.json) out.document('vmbus.net.echo/1', { device: device.id, frames: count, stats: nic.stats() });
  else out.line(`${grouped(count)} frames sent back`);
  return ExitCode.ok;
}

function swapped(frame: Uint8Array): Uint8Array {
  const copy = frame.slice();
  copy.copyWithin(0, 6, 12);
  copy.set(frame.subarray(0, 6), 6);
  return copy;
}

interface BenchOptions {
  readonly time: number;
  readonly size: number;
  readonly queues: number;
}

/** An experimental type, which nobody takes for something else. */
const etherType = [0x88, 0xb5] as const;
const batchFrames = 64;

/** Runs `hv net bench`: sends for a while, and counts what comes meanwhile. */
export async function bench(context: Context, name: string, options: BenchOptions): Promise<number> {
  const { out, signal } = context;
  const { device, nic } = await openCard(context, name, { queues: options.queues });
  const mac = nic.mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const frame = new Uint8Array(options.size);
  // To itself: the switch drops it, and nobody else is bothered.
  frame.set([...mac, ...mac, ...etherType]);
  const frames = new Array<Uint8Array>(batchFrames).fill(frame);
  const startMs = performance.now();
  while (performance.now() - startMs < options.time && !signal.aborted) {
    await nic.send(frames, { signal });
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (performance.now() - startMs) / 1000;
  const { framesOut, bytesOut, framesIn, unread } = nic.stats();
  const perSecond = framesOut / seconds;
  const result = {
    device: device.id,
    sizeBytes: options.size,
    seconds,
    framesOut,
    bytesOut,
    framesIn,
    unread,
    perSecond,
  };
  if (out.json) out.document('vmbus.net.bench/1', result);
  else {
    out.line(`${grouped(framesOut)} frames of ${options.size} bytes in ${seconds.toFixed(1)} s`);
    out.line(`${grouped(Math.round(perSecond))} a second, ${((bytesOut * 8) / seconds / 1e6).toFixed(1)} Mbit/s`);
  }
  return ExitCode.ok;
}
