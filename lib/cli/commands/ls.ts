// SPDX-License-Identifier: MIT
//
// `hv ls`: everything lsvmbus says, and what became of each device: its driver, its children, its state.

import type { Command } from 'commander';
import type { Device } from '../../index.js';
import type { Context } from '../context.js';
import { deviceDetailJson } from '../device-json.js';
import { busTree, childrenText, cpusText, deviceBlock, driverText, stateText } from '../device-text.js';
import { glyphsFor } from '../draw/glyphs.js';
import { findHidden, noteHidden } from '../hidden.js';
import type { Output } from '../output.js';
import { examples } from '../program.js';
import { renderTable } from '../table.js';
import type { Action } from '../verbs.js';

interface LsOptions {
  readonly tree?: boolean;
  readonly verbose?: number;
}

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .argument('[device]', 'only this one: a GUID, eth0, sda, uio0, a relid or a class name')
    .option('-t, --tree', 'show a tree, with children and channels')
    .option(
      '-v, --verbose',
      'say more: GUIDs and channels; -vv: everything (as --json always does)',
      (_: string, before: number) => before + 1,
      0,
    )
    .addHelpText(
      'after',
      examples([
        'hv ls',
        'hv ls --tree',
        'hv ls -vv eth0',
        "hv ls --json | jq -r '.devices[] | [.class, .driver] | @tsv'",
      ]),
    )
    .action(action(list));
}

async function list(context: Context, name: string | undefined, options: LsOptions): Promise<void> {
  const { out } = context;
  const bus = await context.bus();
  const devices = name === undefined ? bus.devices() : [bus.device(name)];
  const verbosity = options.verbose ?? 0;
  const hidden = findHidden(devices, { channels: out.json || verbosity > 0 });
  if (out.json) {
    const { root, kind, hibernation } = bus;
    return out.document('vmbus.ls/1', { root, kind, hibernation, devices: devices.map(deviceDetailJson), hidden });
  }
  const style = { paint: out.paint, glyphs: glyphsFor(out.unicode), verbosity };
  if (options.tree) out.line(busTree(bus, devices, style).join('\n'));
  else if (verbosity > 0) out.line(devices.map((device) => deviceBlock(device, style).join('\n')).join('\n\n'));
  else if (devices.length > 0) out.line(deviceTable(devices, out));
  if (devices.length === 0) out.note('the bus has no devices');
  noteHidden(hidden, out);
}

function deviceTable(devices: readonly Device[], { paint }: Output): string {
  const columns = [
    { title: 'RELID', align: 'right' },
    { title: 'CLASS' },
    { title: 'DEVICE' },
    { title: 'DRIVER' },
    { title: 'STATE' },
    { title: 'CHANNELS', align: 'right' },
    { title: 'CPUS' },
    { title: 'CHILDREN' },
  ] as const;
  const row = (device: Device): string[] => [
    device.relid === null ? '' : String(device.relid),
    paint.bold(device.class.name),
    device.id.slice(0, 8),
    driverText(device, paint),
    stateText(device, paint),
    String(device.cpuMap.length),
    cpusText(device),
    childrenText(device),
  ];
  return renderTable(columns, devices.map(row), paint);
}
