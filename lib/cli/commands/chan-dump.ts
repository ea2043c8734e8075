// SPDX-License-Identifier: MIT
//
// `hv chan dump`: both ring headers and the counters of a channel, as it stands right after opening.

import type { ChannelInspection, RingInspection } from '../../index.js';
import type { Context } from '../context.js';
import { bar } from '../draw/bar.js';
import { glyphsFor } from '../draw/glyphs.js';
import { bytes, grouped } from '../figures.js';
import { openDevice } from '../open-device.js';
import type { Output } from '../output.js';

/** Runs `hv chan dump`. */
export async function dump(context: Context, name: string): Promise<void> {
  const { out } = context;
  const { device, channel } = await openDevice(context, name);
  const picture = channel.inspect();
  if (out.json) return out.document('vmbus.channel/1', { ...picture });
  const { node, signalling, state } = picture;
  const { paint } = out;
  out.line(`${paint.bold(device.class.name)} ${device.id}  channel ${channel.relid}, ${state}`);
  out.line(`node     ${node.path} (${node.kind}), mask when opened ${node.maskAtOpen}`);
  out.line(`doorbell ${signalling}`);
  out.line(`payload  at most ${bytes(channel.maxPayloadBytes)}`);
  for (const direction of ['in', 'out'] as const) printRing(direction, picture[direction], out);
  printStats(picture, out);
}

function printRing(direction: 'in' | 'out', ring: RingInspection, out: Output): void {
  const title = direction === 'in' ? 'in  (host to guest)' : 'out (guest to host)';
  const fill = bar(ring.usedBytes / ring.dataBytes, 20, glyphsFor(out.unicode)).padEnd(20);
  out.line(
    `\n${out.paint.bold(title)}  ${bytes(ring.dataBytes)}  [${out.paint.accent(fill)}] ${grouped(ring.usedBytes)} bytes used`,
  );
  const words = [
    ['write index', ring.writeIndex],
    ['read index', ring.readIndex],
    ['interrupt mask', ring.interruptMask],
    ['pending send size', ring.pendingSendBytes],
    ['feature bits', ring.featureBits],
  ] as const;
  for (const [name, value] of words)
    out.line(`  ${name.padEnd(18)} ${grouped(value).padStart(12)}  0x${value.toString(16).padStart(8, '0')}`);
}

function printStats({ stats }: ChannelInspection, out: Output): void {
  out.line(`\n${out.paint.bold('counters')}`);
  for (const [name, value] of Object.entries(stats)) {
    out.line(
      `  ${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).padEnd(23)} ${grouped(Number(value)).padStart(7)}`,
    );
  }
}
