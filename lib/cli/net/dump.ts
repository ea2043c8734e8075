// SPDX-License-Identifier: MIT
//
// `hv net dump`: the frames that a card receives, as lines or as a capture file.

import { type FileHandle, open } from 'node:fs/promises';

import type { ReceivedFrame } from '../../index.js';
import type { Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { grouped } from '../figures.js';
import { frameText } from './frame-text.js';
import { openCard } from './open-nic.js';
import { fileHeader, packetBlock } from './pcapng.js';

interface Options {
  readonly count: number;
  readonly pcapng?: string;
  readonly promiscuous?: boolean;
}

/** Runs `hv net dump`. */
export async function dump(context: Context, name: string, options: Options): Promise<number> {
  const { out, signal } = context;
  // The card first: a name that is wrong does not cost the capture that is there.
  const { device, nic } = await openCard(context, name, { promiscuous: options.promiscuous === true });
  const file = options.pcapng === undefined ? null : await open(options.pcapng, 'w', 0o600);
  context.defer(() => file?.close());
  await file?.appendFile(fileHeader('hv net dump', device.id));
  if (!out.json) out.note(`${nic.mac}, link ${nic.link.isUp ? 'up' : 'down'}; Ctrl-C ends it`);
  let seen = 0;
  for await (const batch of nic.frames({ signal })) {
    const timeNs = now();
    const most = options.count === 0 ? batch.length : options.count - seen;
    const frames = [...batch].slice(0, most);
    seen += frames.length;
    if (file === null) for (const frame of frames) print(context, frame, timeNs);
    else await capture(file, frames, timeNs);
    if (seen === options.count) break;
  }
  if (file !== null && !out.json) out.line(`${grouped(seen)} frames in ${options.pcapng}`);
  if (file !== null && out.json)
    out.document('vmbus.net.capture/1', { device: device.id, frames: seen, file: options.pcapng });
  return signal.aborted || seen > 0 || options.count === 0 ? ExitCode.ok : ExitCode.failed;
}

function print({ out }: Context, frame: ReceivedFrame, timeNs: bigint): void {
  if (!out.json) {
    out.line(frameText(frame));
    return;
  }
  const { bytes, queue, vlan, checksum, hash } = frame;
  const hex = Buffer.from(bytes).toString('hex');
  out.record('vmbus.net.frame/1', { timeNs, queue, vlan, checksum, hash, frame: hex });
}

/** The frames of one batch with one write. */
async function capture(file: FileHandle, frames: readonly ReceivedFrame[], timeNs: bigint): Promise<void> {
  await file.appendFile(Buffer.concat(frames.map(({ bytes }) => packetBlock(bytes, timeNs))));
}

function now(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}
