// SPDX-License-Identifier: MIT
//
// Runs the command after `--` and waits for it: its exit status becomes ours, and it never outlives what it was lent.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Context } from './context.js';
import { UsageError } from './usage-error.js';

/** How a command is run. */
export interface ChildOptions {
  /** Variables added to the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the command after so long. */
  readonly limitMs?: number | undefined;
}

/** How a command ended. */
export interface ChildEnd {
  /** As a shell would tell it: 128 + number for a signal. */
  readonly status: number;
  readonly timedOut: boolean;
}

/** Ways to end a command, each so many ms after the first. */
const steps = [
  ['SIGTERM', 0],
  ['SIGKILL', 5000],
] as const;

/** Runs the command after `--` with our streams. @throws UsageError when it cannot be started */
export async function runChild(
  { command, signal, lendTerminal }: Context,
  { env, limitMs }: ChildOptions,
): Promise<ChildEnd> {
  const [program = '', ...rest] = command;
  signal.throwIfAborted();
  const takeBack = process.stdin.isTTY ? lendTerminal() : () => undefined;
  const child = spawn(program, rest, { stdio: 'inherit', env: { ...process.env, ...env } });
  const timers: NodeJS.Timeout[] = [];
  let timedOut = false;
  const stop = (): void => {
    for (const [name, afterMs] of steps) timers.push(setTimeout(() => child.kill(name), afterMs));
  };
  const onLimit = (): void => {
    timedOut = true;
    stop();
  };
  signal.addEventListener('abort', stop, { once: true });
  if (limitMs !== undefined) timers.push(setTimeout(onLimit, limitMs));
  try {
    return { status: await ended(child, program), timedOut };
  } finally {
    takeBack();
    signal.removeEventListener('abort', stop);
    for (const timer of timers) clearTimeout(timer);
  }
}

function ended(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'ENOENT' ? 'there is no such program' : error.message;
      reject(new UsageError(`cannot run ${program}: ${reason}`));
    });
    child.once('exit', (code, signal) => resolve(signal ? 128 + constants.signals[signal] : (code ?? 1)));
  });
}
