// SPDX-License-Identifier: MIT
//
// `hv scsi bench`: how fast a disk is read, from here.

import { randomInt } from 'node:crypto';
import type { StorageDisk } from '../../index.js';
import type { Context } from '../context.js';
import { short } from '../figures.js';
import { UsageError } from '../usage-error.js';
import { diskOf, diskText, openController } from './open-controller.js';

interface Options {
  readonly lun?: number;
  readonly size: number;
  readonly depth: number;
  readonly channels: number;
  readonly time: number;
  readonly random?: boolean;
}

const megabyte = 2 ** 20;

/** Runs `hv scsi bench`. It reads only. */
export async function bench(context: Context, name: string, options: Options): Promise<void> {
  const { size, depth, channels, time, random = false } = options;
  const open = await openController(context, name, { queueDepth: depth, channels });
  const disk = await diskOf(open, options.lun);
  const places = Number(disk.sizeBytes / BigInt(size));
  if (size % disk.blockBytes !== 0 || places < 1)
    throw new UsageError(`${size} is not whole blocks of ${diskText(disk)}`, 'say another --size');
  const { requests, seconds } = await run(disk, context.signal, { size, depth, timeMs: time, places, random });
  const iops = requests / seconds;
  const mebibytes = (iops * size) / megabyte;
  const { out } = context;
  const { channels: relids, grantedChannels } = open.storage.inspect();
  if (relids.length < grantedChannels)
    out.note(`the host granted ${grantedChannels} channels and offered ${relids.length}`);
  const facts = { size, depth, channels: relids.length, grantedChannels, random };
  if (out.json)
    out.document('vmbus.scsi.bench/1', {
      device: open.device.id,
      lun: disk.lun,
      ...facts,
      requests,
      seconds,
      iops,
      mebibytes,
    });
  else
    out.line(
      `${random ? 'random' : 'sequential'} reads of ${size} bytes, ${depth} at a time: ` +
        `${short(iops)} a second, ${mebibytes.toFixed(1)} MiB/s`,
    );
}

interface Load {
  readonly size: number;
  readonly depth: number;
  readonly timeMs: number;
  readonly places: number;
  readonly random: boolean;
}

async function run(
  disk: StorageDisk,
  signal: AbortSignal,
  { size, depth, timeMs, places, random }: Load,
): Promise<{ requests: number; seconds: number }> {
  const start = performance.now();
  let requests = 0;
  const work = async (): Promise<void> => {
    const target = new Uint8Array(size);
    while (performance.now() - start < timeMs && !signal.aborted) {
      const place = random ? randomInt(Math.min(places, 2 ** 47)) : requests % places;
      requests += 1;
      await disk.read(BigInt(place) * BigInt(size), target, { signal });
    }
  };
  await Promise.all(Array.from({ length: depth }, work));
  return { requests, seconds: (performance.now() - start) / 1000 };
}
