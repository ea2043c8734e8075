// SPDX-License-Identifier: MIT
//
// `hv watch`: one line per change of the bus, until Ctrl-C.

import type { Command } from 'commander';
import type { BusChange } from '../../index.js';
import type { Context } from '../context.js';
import { deviceJson } from '../device-json.js';
import type { Output } from '../output.js';
import { examples } from '../program.js';
import { UsageError } from '../usage-error.js';
import type { Action } from '../verbs.js';

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .option('--initial', 'begin with what is there')
    .addHelpText(
      'after',
      `\nEnds quietly on Ctrl-C, with status 130.\n${examples(['hv watch', 'hv watch --initial', 'hv watch --json | jq -c \'select(.kind == "added")\''])}`,
    )
    .action(action(watch));
}

async function watch(context: Context, { initial = false }: { readonly initial?: boolean }): Promise<void> {
  const { out, signal } = context;
  const bus = await context.bus();
  if (bus.kind === 'snapshot')
    throw new UsageError(
      `nothing can change in a snapshot (${bus.root})`,
      'watch a guest, or a host that `hv sim` serves',
    );
  if (!initial) out.note(`watching ${bus.root}; Ctrl-C ends it`);
  for await (const change of bus.watch({ signal, initial })) {
    const time = new Date();
    if (out.json) out.record('vmbus.change/1', changeJson(change, time));
    else out.line(changeText(change, time, out));
  }
}

function changeJson(
  { kind, subject, device, channel, fields, current }: BusChange,
  time: Date,
): Record<string, unknown> {
  return { time: time.toISOString(), kind, subject, device, channel, fields, current: current && deviceJson(current) };
}

/** `09:41:07.250 + device net f8615163-…  driver hv_netvsc, state open, eth0` */
function changeText(change: BusChange, time: Date, { paint }: Output): string {
  const clock = `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, '0')}`;
  const mark = { added: paint.good('+'), removed: paint.bad('-'), changed: paint.warn('~') }[change.kind];
  const subject = change.subject === 'channel' ? `channel ${change.channel ?? '?'} of` : 'device';
  const name = change.current ? `${paint.bold(change.current.class.name)} ` : '';
  return `${paint.dim(clock)} ${mark} ${subject} ${name}${change.device}${factsText(change)}`;
}

function factsText({ kind, fields, current }: BusChange): string {
  if (!current) return '';
  const children = current.children.map(({ name }) => name).join(' ');
  const facts: Readonly<Record<string, string>> = {
    driver: `driver ${current.driver ?? 'none'}`,
    state: `state ${current.stateName ?? '-'}`,
    uio: current.uio ? current.uio.name : 'no uio',
    children: children || 'no children',
  };
  const told = kind === 'added' ? ['driver', 'state'] : fields;
  const list = told.map((field) => facts[field] ?? field);
  return list.length > 0 ? `  ${list.join(', ')}` : '';
}
