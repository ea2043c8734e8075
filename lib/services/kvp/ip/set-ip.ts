// SPDX-License-Identifier: MIT
//
// Sets addresses as a plan has it, and takes everything back when that fails; what was there before is kept, for whoever wants
// it back later.
// Called by scripts and `hv kvp serve`. Calls plan.ts, before.ts.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { promisify } from 'node:util';

import { resolveRoot } from '../../../bus/root.js';
import { VmbusError } from '../../../errors.js';
import { replaceFile } from '../../replace-file.js';
import type { KvpIpChange } from '../daemon/types.js';
import { beforePath, forgetBefore, readBefore, rememberBefore } from './before.js';
import { findNetworkManager, ipPlace, planIpChange } from './plan.js';
import { checkInterfaceName } from './settings.js';
import type { IpPlace, IpPlan, NetworkManagerName } from './types.js';

const execute = promisify(execFile);

/** Of each command. The host waits 30 s for all of them. */
const commandMs = 12_000;
const mostOutput = 64 * 1024;

/** Options of {@link setIpInfo}. */
export interface SetIpOptions {
  /** Folder that holds `etc`. Default VMBUS_ROOT or `/`. In any other than `/` files are written and nothing is run. */
  readonly root?: string;
  /** Default: the one found here. */
  readonly manager?: NetworkManagerName;
  /** Only tell what would be done. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Gives an interface the addresses that a host wants: writes one file of the program that sets up the network here, and lets
 * it go to work. When that fails, the file is put back as it was and the program told again.
 * @throws VmbusError ERR_VMBUS_UNSUPPORTED, ERR_VMBUS_SYSTEM (a command failed; what it said is in `facts.output`); TypeError
 * ERR_INVALID_ARG_VALUE for addresses that are none
 * @category Key-value pairs
 */
export async function setIpInfo(change: KvpIpChange, options: SetIpOptions = {}): Promise<IpPlan> {
  const root = resolveRoot(options.root);
  const plan = planIpChange(root, options.manager ?? findNetworkManager(root), change);
  if (options.dryRun) return plan;
  const before = contentOf(plan.file.path);
  rememberBefore(root, plan, before);
  replaceFile(plan.file.path, plan.file.content, plan.file.mode);
  try {
    await runAll(root, plan, options.signal);
    return plan;
  } catch (error) {
    putBack(plan, before);
    await runAll(root, plan).catch(() => undefined);
    throw error;
  }
}

/**
 * Takes back all changes of an interface's addresses.
 * @throws VmbusError ERR_VMBUS_NO_KEY where there is none; ERR_VMBUS_SYSTEM; TypeError ERR_INVALID_ARG_VALUE for what is no
 * interface's name
 * @category Key-value pairs
 */
export async function undoIpInfo(name: string, options: Pick<SetIpOptions, 'root' | 'signal'> = {}): Promise<void> {
  checkInterfaceName(name);
  const root = resolveRoot(options.root);
  const before = readBefore(root, name);
  if (before === null) {
    throw new VmbusError('ERR_VMBUS_NO_KEY', `the addresses of ${name} were not set by this program`, {
      path: beforePath(root, name),
      hint: `see what it has: ip address show dev ${name}`,
    });
  }
  const places = [...before].map(([manager, content]) => ({ place: ipPlace(root, manager, name), content }));
  for (const { place, content } of places) putBack(place, content);
  forgetBefore(root, name);
  for (const { place } of places) await runAll(root, place, options.signal);
}

function contentOf(file: string): string | null {
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

function putBack({ file }: IpPlace, content: string | null): void {
  if (content === null) rmSync(file.path, { force: true });
  else replaceFile(file.path, content, file.mode);
}

async function runAll(root: string, { commands }: IpPlace, signal?: AbortSignal): Promise<void> {
  // The programs know this machine's files alone.
  if (root !== '/') return;
  for (const [program = '', ...words] of commands) {
    try {
      await execute(program, words, { timeout: commandMs, maxBuffer: mostOutput, ...(signal ? { signal } : {}) });
    } catch (cause) {
      const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
      const command = [program, ...words].join(' ');
      throw new VmbusError('ERR_VMBUS_SYSTEM', `\`${command}\` failed: ${(cause as Error).message.split('\n', 1)[0]}`, {
        facts: { command, output: `${stdout}${stderr}`.slice(-2000) },
        hint: 'the file was put back as it was',
        cause,
      });
    }
  }
}
