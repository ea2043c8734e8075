// SPDX-License-Identifier: MIT
//
// `hv bindings`: the devices held for user space, since when, by whom, and what they go back to.

import type { Command } from 'commander';
import type { ListedBinding } from '../../index.js';
import type { Context } from '../context.js';
import type { Output } from '../output.js';
import type { Paint } from '../paint.js';
import { examples } from '../program.js';
import { loadBusSurface } from '../surface.js';
import { renderTable } from '../table.js';
import type { Action } from '../verbs.js';

/** Adds the verb. */
export function define(command: Command, action: Action): void {
  command
    .addHelpText('after', examples(['hv bindings', 'hv bindings --json | jq .bindings[].device']))
    .action(action(list));
}

async function list(context: Context): Promise<void> {
  const { out } = context;
  const { listBindings, listDamagedRecords } = await loadBusSurface();
  const { root } = await context.bus();
  const bindings = listBindings(root);
  const damaged = listDamagedRecords(root);
  if (out.json) return out.document('vmbus.bindings/1', { root, bindings, damaged });
  if (bindings.length > 0) await table(bindings, out);
  for (const { record } of bindings) if (record.note) out.note(`${record.device}: ${record.note}`);
  for (const { device, path, reason } of damaged) {
    out.line(`${device}  ${out.paint.bad('damaged record')}  ${path}: ${reason}`);
  }
  if (bindings.some(({ stale }) => stale)) out.note('left by a process that is gone; hv restore --all gives them back');
  if (damaged.length > 0) out.note('hv restore --force DEVICE puts a damaged record aside');
  if (bindings.length + damaged.length === 0) out.note('no device is held for user space');
}

async function table(bindings: readonly ListedBinding[], out: Output): Promise<void> {
  const { classOfGuid } = await loadBusSurface();
  const columns = [
    { title: 'CLASS' },
    { title: 'DEVICE' },
    { title: 'HELD BY' },
    { title: 'BACK TO' },
    { title: 'SINCE' },
    { title: 'HOW LONG' },
  ];
  const row = (binding: ListedBinding): string[] => {
    const { class: type, device, driver, previousDriver, since } = binding.record;
    const started = since.slice(0, 19).replace('T', ' ');
    return [classOfGuid(type).name, device, driver, previousDriver ?? 'none', started, untilText(binding, out.paint)];
  };
  out.line(renderTable(columns, bindings.map(row), out.paint));
}

function untilText({ record, stale }: ListedBinding, paint: Paint): string {
  if (stale) return paint.warn('left behind');
  if (record.rollbackAt) return `until ${record.rollbackAt.slice(11, 19)} UTC`;
  return record.persist ? 'until hv restore' : `while process ${record.pid} lives`;
}
