// SPDX-License-Identifier: MIT
//
// `hv vss thaw`.

import type { BackupEvent, ThawedMount } from '../../index.js';
import type { Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { harmless } from '../harmless.js';
import type { Output } from '../output.js';
import { printEvent } from './settings.js';

/** Runs `hv vss thaw`. */
export async function thaw(context: Context, { leaveOut }: { readonly leaveOut?: readonly string[] }): Promise<number> {
  const { out } = context;
  const { recoverBackups, thawFileSystems } = await import('../../index.js');
  const root = await context.root();
  // First the file systems: hooks may have to write.
  const mounts = await thawFileSystems({ root, ...(leaveOut === undefined ? {} : { leaveOut }) });
  const onEvent = (event: BackupEvent): void => (out.json ? undefined : printEvent(event, out));
  const recoveredPids = await recoverBackups({ root, onEvent });
  if (out.json) out.document('vmbus.vss-thaw/1', { mounts, recoveredPids });
  else for (const mount of mounts) out.line(mountText(mount, out));
  return mounts.some(({ was }) => was === 'unknown') ? ExitCode.failed : ExitCode.ok;
}

function mountText({ point, was, errno }: ThawedMount, { paint }: Output): string {
  const name = harmless(point);
  if (was === 'frozen') return `${name} ${paint.good('was frozen, and is thawed')}`;
  return was === 'not-frozen' ? `${name} was not frozen` : `${name} ${paint.bad(`could not be thawed: ${errno}`)}`;
}
