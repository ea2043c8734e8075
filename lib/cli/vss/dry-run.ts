// SPDX-License-Identifier: MIT
//
// `hv vss dry-run`.

import { resolve } from 'node:path';
import type { BackupEvent, BackupHook, FreezeTarget } from '../../index.js';
import type { Context } from '../context.js';
import { harmless } from '../harmless.js';
import type { Output } from '../output.js';
import { printEvent, type StepOptions, settingsOf } from './settings.js';

/** Runs `hv vss dry-run`. */
export async function dryRun(context: Context, options: StepOptions & { readonly freeze?: boolean }): Promise<void> {
  const { out, signal } = context;
  const settings = { ...(await settingsOf(context, options)), signal };
  const { checkBackup, freezeMachine, listBackupHooks } = await import('../../index.js');
  if (options.freeze) {
    const onEvent = (event: BackupEvent): void => printEvent(event, out);
    const frozen = await freezeMachine({ ...settings, onEvent });
    await frozen.thaw();
    return;
  }
  const { order } = await checkBackup(settings);
  const hooks = options.hooks === undefined ? [] : listBackupHooks(resolve(options.hooks));
  // Of a tree that is not this machine's, nothing would be frozen.
  const frozen = settings.root === '/' ? order : [];
  if (out.json) out.document('vmbus.vss-dry-run/1', { order: frozen, hooks, deadlineMs: settings.deadlineMs });
  else print(frozen, hooks, options, out);
}

function print(order: readonly FreezeTarget[], hooks: readonly BackupHook[], options: StepOptions, out: Output): void {
  const { onFreeze, onThaw } = options;
  const steps = [
    ...(onFreeze === undefined ? [] : [`run ${harmless(onFreeze)}`]),
    ...hooks.map(({ name }) => `run ${harmless(name)} freeze`),
    ...order.map(({ point }) => `freeze ${harmless(point)}`),
    'tell the host; hold until it asks for the thaw',
    ...[...order].reverse().map(({ point }) => `thaw ${harmless(point)}`),
    ...[...hooks].reverse().map(({ name }) => `run ${harmless(name)} thaw`),
    ...(onThaw === undefined ? [] : [`run ${harmless(onThaw)}`]),
  ];
  for (const [i, step] of steps.entries()) out.line(`${String(i + 1).padStart(3)}  ${step}`);
  out.note('nothing was run or frozen; --freeze does it for a moment');
}
