// SPDX-License-Identifier: MIT
//
// `hv snapshot`: captures the bus into a folder that every reading command takes as `--root`.

import type { Command } from 'commander';
import type { Context } from '../context.js';
import { grouped } from '../figures.js';
import { examples } from '../program.js';
import type { Action } from '../verbs.js';

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .argument('<dir>', 'folder to write; must not exist or be empty')
    .addHelpText(
      'after',
      examples(['hv snapshot ./capture', 'hv --root ./capture ls --tree', 'tar czf capture.tgz capture']),
    )
    .action(action(capture));
}

async function capture(context: Context, folder: string): Promise<void> {
  const { out, signal } = context;
  const { captureSnapshot } = await import('../../index.js');
  const { root } = await context.bus();
  const result = await captureSnapshot(folder, { root, signal });
  if (out.json) return out.document('vmbus.snapshot/1', { root, ...result });
  const { to, devices, files, unreadable, replacements, notes } = result;
  out.line(`captured ${devices} devices in ${to}: ${grouped(files)} files, ${grouped(replacements)} names replaced`);
  if (unreadable > 0)
    out.note(`${grouped(unreadable)} attributes could not be read, and answer with the same error in the capture`);
  for (const remark of notes) out.note(remark);
  out.note(`hv --root ${folder} ls --tree shows it`);
}
