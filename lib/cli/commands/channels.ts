// SPDX-License-Identifier: MIT
//
// `hv channels`: every channel with its CPU and counters, or one line per CPU; `hv channels move` re-targets one.

import type { Command } from 'commander';
import type { Bus, ChannelAttributes, Device } from '../../index.js';
import type { Context } from '../context.js';
import { channelJson } from '../device-json.js';
import { bar } from '../draw/bar.js';
import { glyphsFor } from '../draw/glyphs.js';
import { grouped } from '../figures.js';
import { findHidden, noteHidden } from '../hidden.js';
import { integer } from '../option-values.js';
import type { Output } from '../output.js';
import { printPlan } from '../plan-text.js';
import { examples } from '../program.js';
import { loadBusSurface } from '../surface.js';
import type { Column } from '../table.js';
import { renderTable } from '../table.js';
import type { Action } from '../verbs.js';

interface Row {
  readonly device: Device;
  readonly channel: ChannelAttributes;
}

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .argument('[device]', 'only the channels of this one')
    .option('--cpus', 'sum up by CPU instead')
    .addHelpText(
      'after',
      examples(['hv channels', 'hv channels eth0', 'hv channels --cpus', 'hv channels move eth0 14 3 --dry-run']),
    )
    .action(action(list));
  command
    .command('move')
    .description('Take the interrupts of a channel to another CPU.')
    .argument('<device>', 'the device, by any of its names')
    .argument('<relid>', 'the channel, as hv channels lists it', integer(1, 2047))
    .argument('<cpu>', 'the CPU', integer(0, 65_535))
    .option('--dry-run', 'print what would be written, and write nothing')
    .addHelpText('after', examples(['hv channels move eth0 14 3', 'hv channels move eth0 14 3 --dry-run']))
    .action(action(move));
}

async function list(context: Context, name: string | undefined, options: { readonly cpus?: boolean }): Promise<void> {
  const { out } = context;
  const bus = await context.bus();
  const devices = name === undefined ? bus.devices() : [bus.device(name)];
  const rows = devices.flatMap((device) => device.channels.map((channel) => ({ device, channel })));
  const hidden = findHidden(devices, { channels: true });
  if (out.json) return printJson(bus, rows, { out, hidden });
  if (options.cpus) printCpus(rows, out);
  else out.line(channelTable(rows, out));
  noteHidden(hidden, out);
}

function printJson(bus: Bus, rows: readonly Row[], { out, hidden }: { out: Output; hidden: readonly unknown[] }): void {
  const channels = rows.map(({ device, channel }) => ({
    device: device.id,
    class: device.class.name,
    ...channelJson(device, channel),
  }));
  out.document('vmbus.channels/1', { root: bus.root, kind: bus.kind, channels, hidden });
}

const columns: readonly Column[] = [
  { title: 'DEVICE' },
  { title: 'RELID', align: 'right' },
  { title: 'SUB', align: 'right' },
  { title: 'CPU', align: 'right' },
  { title: 'SIGNALLING' },
  { title: 'INTERRUPTS', align: 'right' },
  { title: 'EVENTS', align: 'right' },
  { title: 'TO READ', align: 'right' },
  { title: 'FREE', align: 'right' },
];

function channelTable(rows: readonly Row[], { paint }: Output): string {
  const number = (value: number | bigint | null): string => (value === null ? '' : grouped(value));
  const cells = rows.map(({ device, channel }) => [
    channel.isPrimary
      ? `${paint.bold(device.class.name)} ${paint.dim(device.children[0]?.name ?? device.id.slice(0, 8))}`
      : '',
    String(channel.relid),
    number(channel.subchannelId),
    number(channel.cpu),
    channel.signalling,
    number(channel.interrupts),
    number(channel.events),
    number(channel.readAvail),
    number(channel.writeAvail),
  ]);
  return renderTable(columns, cells.map(blankFirst), paint);
}

/** The name stands at the first channel of a device only; the others stay blank under it, where `-` would mean "unknown". */
function blankFirst([first, ...others]: readonly string[]): string[] {
  return [first || ' ', ...others];
}

function printCpus(rows: readonly Row[], out: Output): void {
  const glyphs = glyphsFor(out.unicode);
  const sums = new Map<number, { channels: number; interrupts: bigint }>();
  for (const { channel } of rows) {
    if (channel.cpu === null) continue;
    const sum = sums.get(channel.cpu) ?? { channels: 0, interrupts: 0n };
    sums.set(channel.cpu, { channels: sum.channels + 1, interrupts: sum.interrupts + (channel.interrupts ?? 0n) });
  }
  const most = Math.max(1, ...[...sums.values()].map(({ interrupts }) => Number(interrupts)));
  const cells = [...sums]
    .sort(([a], [b]) => a - b)
    .map(([cpu, { channels, interrupts }]) => [
      String(cpu),
      String(channels),
      grouped(interrupts),
      out.paint.accent(bar(Number(interrupts) / most, 30, glyphs)) || ' ',
    ]);
  const heads: readonly Column[] = [
    { title: 'CPU', align: 'right' },
    { title: 'CHANNELS', align: 'right' },
    { title: 'INTERRUPTS', align: 'right' },
    { title: ' ' },
  ];
  out.line(renderTable(heads, cells, out.paint));
}

async function move(
  context: Context,
  name: string,
  relid: number,
  cpu: number,
  { dryRun = false }: { readonly dryRun?: boolean },
): Promise<void> {
  const { out } = context;
  const { moveChannel } = await loadBusSurface();
  const device = (await context.bus()).device(name);
  const moved = await moveChannel(device, relid, { cpu, dryRun });
  if (out.json) return out.document('vmbus.move/1', { ...moved });
  if (moved.dryRun) return printPlan([moved.step], out, { dryRun: true });
  out.line(`channel ${relid} of ${device.class.name}: CPU ${moved.from ?? '?'} to CPU ${moved.to ?? '?'}`);
}
