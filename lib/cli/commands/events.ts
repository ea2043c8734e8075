// SPDX-License-Identifier: MIT
//
// `hv events`: one line per event in the life of this guest, until Ctrl-C.

import type { Command } from 'commander';
import type { LifecycleEvent, LifecycleKind } from '../../index.js';
import type { Context } from '../context.js';
import { eventFacts, noteAbsent } from '../events/event-text.js';
import { harmless } from '../harmless.js';
import { names } from '../option-values.js';
import { examples } from '../program.js';
import type { Action } from '../verbs.js';

interface Options {
  readonly only?: readonly string[];
}

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .option('--only <kinds>', 'shutdown,sleep,resume,time-jump,moved,device-added,device-removed', names)
    .addHelpText(
      'after',
      `\nSays first what can't be known here. Ends quietly on Ctrl-C, with status 130.\n${examples([
        'hv events',
        'hv events --only shutdown,moved',
        'hv events --json | jq -c \'select(.kind == "time-jump")\'',
      ])}`,
    )
    .action(action(events));
}

async function events(context: Context, { only }: Options): Promise<void> {
  const { out, signal } = context;
  const { lifecycle } = await import('../../index.js');
  const root = await context.root();
  const life = lifecycle({ root, signal, ...(only ? { kinds: only as LifecycleKind[] } : {}) });
  const sources = await life.sources;
  if (out.json) out.record('vmbus.event-sources/1', { sources });
  else noteAbsent(sources, out);
  out.note('watching; Ctrl-C ends it');
  for await (const event of life) {
    if (out.json) out.record('vmbus.event/1', { ...event });
    else out.line(eventText(event, out.paint));
  }
}

function eventText(event: LifecycleEvent, paint: Context['out']['paint']): string {
  const clock = `${event.time.toTimeString().slice(0, 8)}.${String(event.time.getMilliseconds()).padStart(3, '0')}`;
  const facts = Object.entries(eventFacts(event)).map(([name, value]) => `${name} ${harmless(value)}`);
  return [paint.dim(clock), paint.bold(event.kind), ...facts].join('  ');
}
