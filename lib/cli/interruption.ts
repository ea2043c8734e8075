// SPDX-License-Identifier: MIT
//
// What may end a command early: Ctrl-C, SIGTERM, SIGHUP, and a reader of standard output that went away.
// The first one asks: the command unwinds and gives everything back. A second Ctrl-C ends the process where it stands.

import { constants } from 'node:os';
import process from 'node:process';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Early ends of one run. */
export interface Interruption {
  /** Aborted at the first of them. */
  readonly signal: AbortSignal;
  /** Exit status it calls for; undefined while there was none. 0 for a broken pipe: the reader has what it wanted. */
  readonly status: number | undefined;
  /**
   * Leaves Ctrl-C to a command that runs in this terminal: it has got it as well, and may mean something else by it.
   * Answers a function that takes it back.
   */
  lendTerminal(): () => void;
  /** Gives the signals back to their defaults. */
  stop(): void;
}

/**
 * A terminal tells the whole group at Ctrl-C, and what started us (npm, timeout) may pass the signal on as well: so soon
 * after the first one it is the same one.
 */
const sameMs = 500;

/** Listens for signals and for a broken pipe. */
export function listenForEnd({ stdout, stderr }: Pick<NodeJS.Process, 'stdout' | 'stderr'>): Interruption {
  const controller = new AbortController();
  let status: number | undefined;
  let sinceMs = 0;
  const end = (code: number): void => {
    if (status !== undefined && performance.now() - sinceMs > sameMs) process.exit(code);
    if (status === undefined) sinceMs = performance.now();
    status ??= code;
    controller.abort();
  };
  let isLent = false;
  const onSignal = (name: (typeof signals)[number]): void => {
    if (name !== 'SIGINT' || !isLent) end(128 + constants.signals[name]);
  };
  const handlers = signals.map((name) => [name, () => onSignal(name)] as const);
  for (const [name, handler] of handlers) process.on(name, handler);
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && status === undefined) stderr.write(`hv: cannot write the output: ${error.message}\n`);
    status ??= error.code === 'EPIPE' ? 0 : 1;
    // The last words may turn out to be lost when the command itself is over.
    process.exitCode = status;
    controller.abort();
  });
  // Who does not listen to errors is not told of any.
  stderr.on('error', () => undefined);
  return {
    signal: controller.signal,
    get status() {
      return status;
    },
    lendTerminal: () => {
      isLent = true;
      return () => {
        isLent = false;
      };
    },
    stop: () => {
      for (const [name, handler] of handlers) process.off(name, handler);
    },
  };
}
