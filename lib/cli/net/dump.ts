// SPDX-License-Identifier: MIT
//
// `hv net dump`: the frames that a card receives, as lines or as a capture file.

import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

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
  const { device, nic } = await openCard(context, name, { promiscuous: options.promiscuous === true });
  const file = options.pcapng === undefined ? null : captureTo(options.pcapng, device.id);
  if (!out.json) out.note(`${nic.mac}, link ${nic.link.isUp ? 'up' : 'down'}; Ctrl-C ends it`);
  let seen = 0;
  try {
    for await (const batch of nic.frames({ signal })) {
      const timeNs = now();
      for (const frame of batch) {
        seen += 1;
        if (file !== null) await write(file, packetBlock(frame.bytes, timeNs));
        else if (out.json) {
          const { bytes, queue, vlan, checksum, hash } = frame;
          out.record('vmbus.net.frame/1', { timeNs, queue, vlan, checksum, hash, frame: bytes.toString() });
        } else out.line(frameText(frame));
        if (seen === options.count) break;
      }
      if (seen === options.count) break;
    }
  } finally {
    file?.end();
    if (file !== null) await finished(file);
  }
  if (file !== null && !out.json) out.line(`${grouped(seen)} frames in ${options.pcapng}`);
  if (file !== null && out.json)
    out.document('vmbus.net.capture/1', { device: device.id, frames: seen, file: options.pcapng });
  return signal.aborted || seen > 0 || options.count === 0 ? ExitCode.ok : ExitCode.failed;
}

function captureTo(path: string, card: string): Writable {
  const file = createWriteStream(path, { mode: 0o600 });
  file.write(fileHeader('hv net dump', card));
  return file;
}

async function write(file: Writable, bytes: Uint8Array): Promise<void> {
  if (file.write(bytes)) return;
  await new Promise<void>((resolve, reject) => {
    file.once('drain', resolve);
    file.once('error', reject);
  });
}

function now(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}
