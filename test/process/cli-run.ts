// SPDX-License-Identifier: MIT
//
// Runs the built command in a process of its own, for tests.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Path of the built command. */
export const main: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** How one run ended. */
export interface Run {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of a run. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly uid?: number;
  /** Words of a program that starts it, in its own place: `unshare --net`. */
  readonly through?: readonly string[];
}

/** A run that is still going on. */
export interface Running {
  readonly child: ChildProcess;
  /** Resolves once standard output holds a match, with the match; rejects if the command ends before. */
  saw(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<Run>;
}

/** An environment in which nothing of the tester's own settings shows. */
function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR ? { TMPDIR } : {}), LANG: 'C.UTF-8', ...extra };
}

/** Starts the command. */
export function start(args: readonly string[], { env, input, uid, through = [] }: RunOptions = {}): Running {
  const who = uid === undefined ? {} : { uid, gid: uid };
  const [program = '', ...words] = [...through, process.execPath, main, ...args];
  const child = spawn(program, words, { env: cleanEnvironment(env), stdio: 'pipe', ...who });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  child.stdin.on('error', () => undefined).end(input ?? '');
  const ended = once(child, 'close').then(([status, signal]) => ({ status, signal, stdout, stderr }) as Run);
  const saw = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const match = pattern.exec(stdout);
      if (match) return match;
      const more = await Promise.race([once(child.stdout, 'data').then(() => true), ended.then(() => false)]);
      if (!more && !pattern.test(stdout)) throw new Error(`ended without ${pattern}: ${stdout}${stderr}`);
    }
  };
  return { child, saw, ended };
}

/** Runs the command to its end. */
export function run(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  return start(args, options).ended;
}
