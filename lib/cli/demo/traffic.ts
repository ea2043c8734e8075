// SPDX-License-Identifier: MIT
//
// Packets to the echo device and back, as fast as the rings take them. Every one carries its number, and every one that
// comes back is checked: bytes, order, and that none is missing.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Channel } from '../../index.js';
import { VmbusError } from '../../index.js';

/** How much traffic, and of what size. */
export interface TrafficOptions {
  readonly packets: number;
  /** Goes on beyond the packets until so much time is over. */
  readonly leastMs: number;
  readonly payloadBytes: number;
  readonly signal: AbortSignal;
  onProgress(progress: TrafficPoint): void;
}

/** How far it has come. */
export interface TrafficPoint {
  readonly ms: number;
  readonly packets: number;
}

/** What came of it. */
export interface TrafficResult {
  readonly packets: number;
  readonly payloadBytes: number;
  readonly elapsedMs: number;
  /** Progress at intervals, from (0, 0) to the end. */
  readonly points: readonly TrafficPoint[];
}

/** Packets under way at most: enough to keep both sides busy, few enough to fit any ring. */
const windowPackets = 4096;
const burstPackets = 256;
const sampleMs = 4;

/** Runs the traffic. @throws ERR_VMBUS_PROTOCOL when something else comes back than was sent */
export async function runTraffic(channel: Channel, options: TrafficOptions): Promise<TrafficResult> {
  const run = new TrafficRun(channel, options);
  return run.finish();
}

class TrafficRun {
  readonly #channel: Channel;
  readonly #options: TrafficOptions;
  readonly #burst: readonly Uint8Array[];
  readonly #points: TrafficPoint[] = [{ ms: 0, packets: 0 }];
  readonly #startMs = performance.now();
  #sent = 0;
  #received = 0;
  #nowMs = 0;

  constructor(channel: Channel, options: TrafficOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#burst = Array.from({ length: burstPackets }, () => new Uint8Array(options.payloadBytes).fill(0x5a));
  }

  async finish(): Promise<TrafficResult> {
    const { signal, payloadBytes } = this.#options;
    let turns = 0;
    while (this.#received < this.#target()) {
      signal.throwIfAborted();
      this.#send();
      const got = this.#channel.drain(this.#check);
      if (got === 0) await this.#channel.readable({ signal });
      // Now and then the loop gets a turn, so that Ctrl-C and the terminal are served however fast the packets come.
      else if (++turns % 64 === 0) await nextTurn();
      this.#sample();
    }
    this.#nowMs = performance.now() - this.#startMs;
    const elapsedMs = this.#nowMs;
    this.#points.push({ ms: elapsedMs, packets: this.#received });
    return { packets: this.#received, payloadBytes, elapsedMs, points: this.#points };
  }

  #send(): void {
    for (;;) {
      const room = Math.min(burstPackets, this.#target() - this.#sent, windowPackets - (this.#sent - this.#received));
      if (room <= 0) return;
      const payloads = this.#stamp(room);
      const count = this.#channel.trySendMany(payloads);
      this.#sent += count;
      if (count < room) return;
    }
  }

  /** Numbers the packets of a burst: 32 bits at the start, little-endian. */
  #stamp(count: number): readonly Uint8Array[] {
    for (let i = 0; i < count; i++) {
      const payload = this.#burst[i];
      if (!payload) break;
      const number = this.#sent + i;
      payload[0] = number;
      payload[1] = number >>> 8;
      payload[2] = number >>> 16;
      payload[3] = number >>> 24;
    }
    return count === burstPackets ? this.#burst : this.#burst.slice(0, count);
  }

  readonly #check = (arena: Uint8Array, offset: number, length: number): void => {
    const number = this.#received;
    const isRight =
      length >= this.#options.payloadBytes &&
      arena[offset] === (number & 0xff) &&
      arena[offset + 1] === ((number >>> 8) & 0xff) &&
      arena[offset + 2] === ((number >>> 16) & 0xff) &&
      arena[offset + 3] === number >>> 24 &&
      arena[offset + this.#options.payloadBytes - 1] === 0x5a;
    if (!isRight) throw wrongPacket(number);
    this.#received = number + 1;
  };

  /** Packets to send in all: without an end while there is time left, then those under way and no more. */
  #target(): number {
    const { packets, leastMs } = this.#options;
    return this.#nowMs < leastMs ? Number.POSITIVE_INFINITY : Math.max(packets, this.#sent);
  }

  #sample(): void {
    this.#nowMs = performance.now() - this.#startMs;
    const last = this.#points.at(-1);
    if (last && this.#nowMs - last.ms < sampleMs) return;
    const point = { ms: this.#nowMs, packets: this.#received };
    this.#points.push(point);
    this.#options.onProgress(point);
  }
}

function wrongPacket(number: number): VmbusError {
  return new VmbusError('ERR_VMBUS_PROTOCOL', `packet ${number} came back with other bytes than were sent`, {
    hint: 'hv chan ping echo shows single round trips',
  });
}

/** Packets per second in `count` equal parts of a run. */
export function rates({ points, elapsedMs }: TrafficResult, count: number): number[] {
  const total = (ms: number): number => {
    const after = points.findIndex((point) => point.ms >= ms);
    const b = points[after === -1 ? points.length - 1 : after];
    const a = points[Math.max(0, (after === -1 ? points.length - 1 : after) - 1)];
    if (!a || !b || b.ms <= a.ms) return b?.packets ?? 0;
    return a.packets + ((b.packets - a.packets) * (Math.min(ms, b.ms) - a.ms)) / (b.ms - a.ms);
  };
  const step = elapsedMs / count;
  const totals = Array.from({ length: count + 1 }, (_, i) => total(i * step));
  return totals.slice(1).map((value, i) => ((value - (totals[i] ?? 0)) / step) * 1000);
}
