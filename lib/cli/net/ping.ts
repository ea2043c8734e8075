// SPDX-License-Identifier: MIT
//
// `hv net ping`: round trips to an address over a card that this command holds, with the figures ping(8) ends with.

import { setTimeout as sleep } from 'node:timers/promises';

import type { NetworkStationHandle } from '../../index.js';
import type { Context } from '../context.js';
import { percentile } from '../draw/histogram.js';
import { ExitCode } from '../exit-codes.js';
import { time } from '../figures.js';
import { openCard } from './open-nic.js';

interface Options {
  readonly device: string;
  readonly from?: string;
  readonly router?: string;
  readonly count: number;
  readonly interval: number;
  readonly size: number;
  readonly timeout: number;
}

/** Runs `hv net ping`. */
export async function ping(context: Context, address: string, options: Options): Promise<number> {
  const { out, signal } = context;
  const { joinNetwork, VmbusError } = await import('../../index.js');
  const { device, nic } = await openCard(context, options.device);
  const { from, router } = options;
  const station = await joinNetwork(nic, {
    ...(from === undefined ? {} : { address: from }),
    ...(router === undefined ? {} : { router }),
    signal,
  });
  context.defer(() => station.close());
  if (!out.json) out.line(`PING ${address} from ${station.address}: ${options.size} bytes`);
  const timesUs: number[] = [];
  let sent = 0;
  for (let i = 1; (options.count === 0 || i <= options.count) && !signal.aborted; i += 1) {
    sent += 1;
    try {
      timesUs.push(await once(context, station, address, options));
    } catch (error) {
      if (signal.aborted) break;
      if (!VmbusError.is(error) || error.code !== 'ERR_VMBUS_TIMEOUT') throw error;
      if (!out.json) out.line(`no answer (seq ${i})`);
    }
    if (i !== options.count) await sleep(options.interval, undefined, { signal }).catch(() => undefined);
  }
  const sorted = [...timesUs].sort((a, b) => a - b);
  const result = {
    sent,
    received: timesUs.length,
    minUs: sorted[0] ?? null,
    medianUs: sorted.length > 0 ? percentile(sorted, 0.5) : null,
    maxUs: sorted.at(-1) ?? null,
  };
  if (out.json) out.document('vmbus.net.ping/1', { device: device.id, address, from: station.address, ...result });
  else printSummary(context, address, result);
  return result.received === sent && sent > 0 ? ExitCode.ok : ExitCode.failed;
}

async function once(
  { out, signal }: Context,
  station: NetworkStationHandle,
  address: string,
  { size, timeout }: Options,
): Promise<number> {
  const { sequence, bytes, ms } = await station.ping(address, { sizeBytes: size, timeoutMs: timeout, signal });
  if (!out.json) out.line(`${bytes} bytes from ${address}: seq ${sequence}  ${time(ms * 1000)}`);
  return ms * 1000;
}

interface Result {
  readonly sent: number;
  readonly received: number;
  readonly minUs: number | null;
  readonly medianUs: number | null;
  readonly maxUs: number | null;
}

function printSummary({ out }: Context, address: string, { sent, received, minUs, medianUs, maxUs }: Result): void {
  out.line(`\n${address}: ${sent} sent, ${received} received, ${sent - received} lost`);
  if (minUs !== null && medianUs !== null && maxUs !== null)
    out.line(`round trip ${time(minUs)} least, ${time(medianUs)} median, ${time(maxUs)} most`);
}
