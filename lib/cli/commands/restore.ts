// SPDX-License-Identifier: MIT
//
// `hv restore`: gives devices back to the drivers they had before `hv bind`.

import type { Command } from 'commander';
import type { Bus, Guid, RestoreResult } from '../../index.js';
import type { Context } from '../context.js';
import { exitCodeFor } from '../exit-codes.js';
import { printFailure } from '../failure.js';
import type { Output } from '../output.js';
import { printCommands, printPlan } from '../plan-text.js';
import { examples } from '../program.js';
import { loadBusSurface } from '../surface.js';
import { UsageError } from '../usage-error.js';
import type { Action } from '../verbs.js';

interface Options {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
}

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .argument('[device]', 'the device, by GUID or any of its names')
    .option('--all', 'every device that "hv bindings" lists')
    .option('--dry-run', 'print what would be written, and write nothing')
    .option('--force', 'also from a living process, where it is known to do harm, or with a damaged record')
    .addHelpText(
      'after',
      `\n${about}\n${examples(['hv restore eth1', 'hv restore --all --dry-run', 'hv restore --all'])}`,
    )
    .action(action(restore));
}

const about = `A network card's interface gets the name, MTU, addresses and routes that it had
when the card was taken, where they are missing. What can't be put back is
named, with the command to type. --dry-run prints what would be run.`;

async function restore(context: Context, name: string | undefined, options: Options): Promise<number> {
  if ((name === undefined) === (options.all !== true)) {
    throw new UsageError('name a device, or say --all', '"hv bindings" lists the devices held');
  }
  const { out } = context;
  const { restoreDevice } = await loadBusSurface();
  const bus = await context.bus();
  const { dryRun = false, force = false } = options;
  const wanted = name === undefined ? await onRecord(bus) : [await deviceId(bus, name)];
  const restored: RestoreResult[] = [];
  let status = 0;
  for (const id of wanted) {
    try {
      restored.push(await restoreDevice({ root: bus.root, id }, { dryRun, force }));
    } catch (error) {
      // One device that cannot be given back must not keep the others.
      if (wanted.length === 1) throw error;
      printFailure(error, out);
      status ||= exitCodeFor(error);
    }
  }
  if (out.json) out.document('vmbus.restore/1', { root: bus.root, dryRun, restored });
  else tell(restored, { out, dryRun });
  if (wanted.length === 0) out.note('no device is held for user space');
  return status;
}

/** Devices that "hv bindings" lists: a damaged record is a device that somebody has to see to. */
async function onRecord(bus: Bus): Promise<Guid[]> {
  const { listBindings, listDamagedRecords } = await loadBusSurface();
  const sound = listBindings(bus.root).map(({ record }) => record.device);
  return [...sound, ...listDamagedRecords(bus.root).map(({ device }) => device)];
}

/** A device that is gone still has its record, and is known by its GUID only. */
async function deviceId(bus: Bus, name: string): Promise<Guid> {
  const wanted = name.toLowerCase().replace(/^\{(.*)\}$/, '$1');
  return (await onRecord(bus)).find((id) => id === wanted) ?? bus.device(name).id;
}

function tell(
  restored: readonly RestoreResult[],
  { out, dryRun }: { readonly out: Output; readonly dryRun: boolean },
): void {
  for (const { device, driver, steps, interface: returned, warnings } of restored) {
    for (const warning of warnings) out.note(warning);
    printPlan(steps, out, { dryRun });
    if (returned !== null) printCommands(returned.commands, out, { dryRun });
    if (!dryRun) out.line(`${device} is bound to ${driver ?? 'no driver'} now`);
  }
}
