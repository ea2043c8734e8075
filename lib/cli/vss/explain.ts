// SPDX-License-Identifier: MIT
//
// `hv vss explain`.

import { resolve } from 'node:path';
import type { BackupHook, BackupPlan, PlannedMount } from '../../index.js';
import type { Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { harmless } from '../harmless.js';
import type { Output } from '../output.js';
import { renderTable } from '../table.js';

interface ExplainOptions {
  readonly leaveOut?: readonly string[];
  readonly hooks?: string;
  readonly all?: boolean;
}

/** Runs `hv vss explain`. */
export async function explain(
  context: Context,
  { leaveOut, hooks: folder, all = false }: ExplainOptions,
): Promise<number> {
  const { out } = context;
  const { listBackupHooks, planBackup } = await import('../../index.js');
  const root = await context.root();
  const plan = planBackup({ root, ...(leaveOut === undefined ? {} : { leaveOut }) });
  const hooks = folder === undefined ? [] : listBackupHooks(resolve(folder));
  const isReady = plan.obstacles.length === 0 && hooks.every(({ problem }) => problem === null);
  if (out.json) out.document('vmbus.vss-plan/1', { root, isReady, ...plan, hooks });
  else print(plan, hooks, all, out);
  return isReady ? ExitCode.ok : ExitCode.failed;
}

function print(plan: BackupPlan, hooks: readonly BackupHook[], all: boolean, out: Output): void {
  const shown = plan.mounts.filter(({ reason }) => all || reason !== 'no-disk');
  const columns = [{ title: 'mount' }, { title: 'type' }, { title: 'source' }, { title: 'a freeze' }];
  const rows = shown.map((mount) => [
    harmless(mount.point),
    mount.type,
    harmless(mount.source),
    verdictText(mount, plan, out),
  ]);
  if (rows.length > 0) out.line(renderTable(columns, rows, out.paint));
  const hidden = plan.mounts.length - shown.length;
  if (hidden > 0) out.note(`${hidden} more mount${hidden === 1 ? ' is' : 's are'} on no disk of this machine (--all)`);
  for (const { name, problem } of hooks)
    out.line(`hook ${harmless(name)}${problem === null ? '' : out.paint.bad(` ${problem}`)}`);
  if (plan.order.length === 0) out.note('no file system would be frozen');
}

function verdictText({ point, verdict, says }: PlannedMount, { order }: BackupPlan, { paint }: Output): string {
  if (verdict === 'freeze') {
    const place = order.findIndex((target) => target.point === point) + 1;
    return paint.good(`freezes it (${place} of ${order.length})`);
  }
  return verdict === 'skip' ? `skips it: ${says}` : paint.bad(`would fail: ${says}`);
}
