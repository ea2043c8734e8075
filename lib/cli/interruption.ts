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
  const listener = new EndListener();
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && listener.status === undefined) {
      stderr.write(`hv: cannot write the output: ${error.message}\n`);
    }
    listener.endOutput(error.code === 'EPIPE' ? 0 : 1);
  });
  // Who does not listen to errors is not told of any.
  stderr.on('error', () => undefined);
  return listener;
}

class EndListener implements Interruption {
  readonly #controller = new AbortController();
  readonly #handlers = signals.map((name) => [name, () => this.#onSignal(name)] as const);
  #status: number | undefined;
  #sinceMs = 0;
  #isLent = false;

  constructor() {
    for (const [name, handler] of this.#handlers) process.on(name, handler);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get status(): number | undefined {
    return this.#status;
  }

  readonly lendTerminal = (): (() => void) => {
    this.#isLent = true;
    return () => {
      this.#isLent = false;
    };
  };

  stop(): void {
    for (const [name, handler] of this.#handlers) process.off(name, handler);
  }

  endOutput(status: number): void {
    this.#status ??= status;
    // The last words may turn out to be lost when the command itself is over.
    process.exitCode = this.#status;
    this.#controller.abort();
  }

  #onSignal(name: (typeof signals)[number]): void {
    if (name === 'SIGINT' && this.#isLent) return;
    const status = 128 + constants.signals[name];
    if (this.#status !== undefined && performance.now() - this.#sinceMs > sameMs) process.exit(status);
    if (this.#status === undefined) this.#sinceMs = performance.now();
    this.#status ??= status;
    this.#controller.abort();
  }
}
