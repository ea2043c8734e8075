// SPDX-License-Identifier: MIT
//
// `hv restore`: gives devices back to the drivers they had before `hv bind`.

import type { Command } from 'commander';
import type { RestoreResult } from '../../index.js';
import type { Context } from '../context.js';
import { printPlan } from '../plan-text.js';
import { examples } from '../program.js';
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
    .option('--force', 'also where giving it back is known to be dangerous')
    .addHelpText('after', examples(['hv restore eth1', 'hv restore --all --dry-run', 'hv restore --all']))
    .action(action(restore));
}

async function restore(context: Context, name: string | undefined, options: Options): Promise<void> {
  if ((name === undefined) === (options.all !== true)) {
    throw new UsageError('name a device, or say --all', '"hv bindings" lists the devices held');
  }
  const { out } = context;
  const { listBindings, restoreDevice } = await import('../../index.js');
  const bus = await context.bus();
  const { dryRun = false, force = false } = options;
  const wanted = name === undefined ? listBindings({ root: bus.root }).map(({ record }) => record.device) : [bus.device(name).id];
  const restored: RestoreResult[] = [];
  for (const id of wanted) restored.push(await restoreDevice({ root: bus.root, id }, { dryRun, force }));
  if (out.json) return out.document('vmbus.restore/1', { root: bus.root, dryRun, restored });
  if (restored.length === 0) return out.note('no device is held for user space');
  for (const { device, driver, steps, warnings } of restored) {
    for (const warning of warnings) out.note(warning);
    printPlan(steps, out, { dryRun });
    if (!dryRun) out.line(`${device} is bound to ${driver ?? 'no driver'} again`);
  }
}
