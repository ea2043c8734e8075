// SPDX-License-Identifier: MIT
//
// `hv fcopy explain`: where file copy stands on this machine, and what would become of a file of the host. Changes nothing.

import { posix } from 'node:path';
import type { FileCopyDescription } from '../../index.js';
import type { Context } from '../context.js';
import { ExitCode } from '../exit-codes.js';
import { harmless } from '../harmless.js';
import { UsageError } from '../usage-error.js';
import { type CommonRules, foldersOf } from './options.js';

/** Runs `hv fcopy explain`. Answers 1 where the file would be refused. */
export async function explain(
  context: Context,
  path: string | undefined,
  { into, ...rules }: CommonRules & { readonly into?: readonly string[] },
): Promise<number> {
  const { out } = context;
  if ((path === undefined) !== (into === undefined))
    throw new UsageError('a path and --into go together', 'hv fcopy explain --into /srv/inbox /srv/inbox/report.txt');
  const found = await describe(context, path);
  const verdict = path === undefined || into === undefined ? null : await judged(path, into, rules);
  if (out.json) out.document('vmbus.fcopy/1', { service: found, verdict });
  else {
    for (const line of found ? standing(found) : []) out.line(line);
    if (found?.hint) out.note(found.hint);
    if (verdict !== null) out.line(verdictText(verdict));
    if (verdict?.hint) out.note(verdict.hint);
  }
  return verdict?.allowed === false ? ExitCode.failed : ExitCode.ok;
}

/** Rules can be tried on any machine: null where there is no bus, and a path was asked for. */
async function describe(context: Context, path: string | undefined): Promise<FileCopyDescription | null> {
  const { describeFileCopy, VmbusError } = await import('../../index.js');
  try {
    return describeFileCopy({ root: await context.root() });
  } catch (error) {
    if (path !== undefined && VmbusError.is(error) && error.code === 'ERR_VMBUS_NOT_A_GUEST') return null;
    throw error;
  }
}

interface Verdict {
  readonly allowed: boolean;
  readonly path: string;
  readonly reason: string | null;
  readonly hint: string | null;
}

/** What the rules say to it, with all that a host can wish for. The disk is not looked at. */
async function judged(path: string, into: readonly string[], rules: CommonRules): Promise<Verdict> {
  const { openInbox, VmbusError } = await import('../../index.js');
  const inbox = await openInbox({ folders: foldersOf(into, rules) });
  const cut = path.lastIndexOf('/');
  const asked = {
    name: path.slice(cut + 1),
    path: cut < 0 ? '' : path.slice(0, cut + 1),
    sizeBytes: 0,
    overwrite: true,
    createPath: true,
  };
  try {
    return { allowed: true, path: posix.normalize(inbox.place(asked).path), reason: null, hint: null };
  } catch (error) {
    if (!VmbusError.is(error) || error.code !== 'ERR_VMBUS_REFUSED') throw error;
    return { allowed: false, path, reason: error.message, hint: error.hint ?? null };
  }
}

function verdictText({ allowed, path, reason }: Verdict): string {
  return allowed ? `allowed: ${harmless(path)}` : `refused: ${harmless(reason ?? '')}`;
}

function standing({ transport, device, driver, node, holder }: FileCopyDescription): string[] {
  const on = device === null ? 'not offered by the host' : `${device}, driver ${driver ?? 'none'}`;
  const ways = {
    device: `${node ?? ''}: the kernel's own driver`,
    channel: node === null ? 'its channel, to be bound to uio_hv_generic' : `its channel, ${node}`,
  };
  const who = holder && (holder.pid > 0 ? `process ${holder.pid} (${harmless(holder.command)})` : 'another process');
  return [
    `device   ${on}`,
    `way      ${transport === null ? 'none' : ways[transport]}`,
    ...(transport === null ? [] : [`held by  ${who ?? 'nobody'}`]),
  ];
}
