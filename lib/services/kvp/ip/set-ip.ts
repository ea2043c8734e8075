// SPDX-License-Identifier: MIT
//
// Sets addresses as a plan has it, and takes everything back when that fails; what was there before is kept, for whoever wants
// it back later.
// Called by scripts and `hv kvp serve`. Calls plan.ts.

import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { resolveRoot } from '../../../bus/root.js';
import { VmbusError } from '../../../errors.js';
import type { KvpIpChange } from '../daemon/types.js';
import { findNetworkManager, planIpChange } from './plan.js';
import type { IpPlan, NetworkManagerName } from './types.js';

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

/** What is needed to take a change back. */
interface Before {
  readonly plan: Omit<IpPlan, 'file'> & { readonly file: { readonly path: string } };
  /** Null where there was no file. */
  readonly content: string | null;
  readonly mode: number;
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
  const before = remember(root, plan);
  putFile(plan.file);
  try {
    await runAll(root, plan, options.signal);
    return plan;
  } catch (error) {
    putBack(before);
    await runAll(root, plan).catch(() => undefined);
    throw error;
  }
}

/**
 * Takes back the last change of an interface's addresses.
 * @throws VmbusError ERR_VMBUS_NO_KEY where there is none; ERR_VMBUS_SYSTEM
 * @category Key-value pairs
 */
export async function undoIpInfo(name: string, options: Pick<SetIpOptions, 'root' | 'signal'> = {}): Promise<void> {
  const root = resolveRoot(options.root);
  const file = recordPath(root, name);
  if (!existsSync(file)) {
    throw new VmbusError('ERR_VMBUS_NO_KEY', `the addresses of ${name} were not set by this program`, {
      path: file,
      hint: `see what it has: ip address show dev ${name}`,
    });
  }
  const before = JSON.parse(readFileSync(file, 'utf8')) as Before;
  putBack(before);
  rmSync(file);
  await runAll(root, before.plan, options.signal);
}

const recordPath = (root: string, name: string): string =>
  path.join(root, 'var/lib/hyperv', `.vmbus-ip-${path.basename(name)}.json`);

/** Of several changes the state before the first is kept. */
function remember(root: string, { file, ...plan }: IpPlan): Before {
  const wasThere = existsSync(file.path);
  const before: Before = {
    plan: { ...plan, file: { path: file.path } },
    content: wasThere ? readFileSync(file.path, 'utf8') : null,
    mode: file.mode,
  };
  const record = recordPath(root, plan.interface);
  if (!existsSync(record)) putFile({ path: record, content: JSON.stringify(before), mode: 0o600 });
  return before;
}

function putBack({ plan, content, mode }: Before): void {
  if (content === null) rmSync(plan.file.path, { force: true });
  else putFile({ path: plan.file.path, content, mode });
}

/** The whole file or none of it. */
function putFile({ path: file, content, mode }: IpPlan['file']): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const staged = `${file}.vmbus-${process.pid}`;
  try {
    writeFileSync(staged, content, { mode, flag: 'wx' });
    chmodSync(staged, mode);
    renameSync(staged, file);
  } catch (error) {
    rmSync(staged, { force: true });
    throw error;
  }
}

async function runAll(root: string, { commands }: Pick<IpPlan, 'commands'>, signal?: AbortSignal): Promise<void> {
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
