// SPDX-License-Identifier: MIT
//
// Runs the command after `--` and waits for it: its exit status becomes ours, and it never outlives what it was lent.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { UsageError } from './usage-error.js';

/** How a command is run. */
export interface ChildOptions {
  readonly signal: AbortSignal;
  /** Variables added to the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the command after so long. */
  readonly limitMs?: number;
}

/** How a command ended. */
export interface ChildEnd {
  /** As a shell would tell it: 128 + number for a signal. */
  readonly status: number;
  readonly timedOut: boolean;
}

/** Time between asking a command to end and the next, less polite way. */
const graceMs = { interrupt: 1000, terminate: 5000 };

/** Runs a command with our streams. @throws UsageError when it cannot be started */
export async function runChild(words: readonly string[], { signal, env, limitMs }: ChildOptions): Promise<ChildEnd> {
  const [program = '', ...rest] = words;
  const child = spawn(program, rest, { stdio: 'inherit', env: { ...process.env, ...env } });
  const timers: NodeJS.Timeout[] = [];
  let timedOut = false;
  const stop = (firstMs: number): void => {
    timers.push(
      setTimeout(() => child.kill('SIGTERM'), firstMs),
      setTimeout(() => child.kill('SIGKILL'), firstMs + graceMs.terminate),
    );
  };
  // At Ctrl-C the terminal has told the command too: it gets a moment to end by itself.
  const onAbort = (): void => stop(graceMs.interrupt);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  if (limitMs !== undefined)
    timers.push(
      setTimeout(() => {
        timedOut = true;
        stop(0);
      }, limitMs),
    );
  try {
    return { status: await ended(child, program), timedOut };
  } finally {
    signal.removeEventListener('abort', onAbort);
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
