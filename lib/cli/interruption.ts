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
  /** Gives the signals back to their defaults. */
  stop(): void;
}

/** Listens for signals and for a broken pipe. */
export function listenForEnd(stdout: NodeJS.WritableStream): Interruption {
  const controller = new AbortController();
  let status: number | undefined;
  const end = (code: number): void => {
    if (status !== undefined && code !== 0) process.exit(code);
    status ??= code;
    controller.abort();
  };
  const handlers = signals.map((name) => [name, () => end(128 + constants.signals[name])] as const);
  const onPipe = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    end(0);
  };
  for (const [name, handler] of handlers) process.on(name, handler);
  stdout.on('error', onPipe);
  return {
    signal: controller.signal,
    get status() {
      return status;
    },
    stop: () => {
      for (const [name, handler] of handlers) process.off(name, handler);
    },
  };
}
