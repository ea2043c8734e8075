// SPDX-License-Identifier: MIT
//
// What a command runs with: printing, the root it works on, the signal that ends it, and what is to be cleaned up after it.
// Called by main.ts for every run; commands ask it for the bus, so that `--root` and `--sim` work alike everywhere.

import type { HostProcess } from '../host/index.js';
import type { Bus } from '../index.js';
import type { Interruption } from './interruption.js';
import type { Output } from './output.js';
import { loadBusSurface } from './surface.js';

/** Options every command knows. */
export interface GlobalOptions {
  readonly root?: string;
  readonly sim?: boolean;
  readonly json?: boolean;
  readonly color?: boolean;
}

/** One run of one command. */
export interface Context extends AsyncDisposable {
  readonly out: Output;
  readonly options: GlobalOptions;
  /** Aborted by Ctrl-C, SIGTERM, or a reader of standard output that went away. */
  readonly signal: AbortSignal;
  /** What stands after `--` on the command line. */
  readonly command: readonly string[];
  /** See {@link Interruption.lendTerminal}. */
  readonly lendTerminal: Interruption['lendTerminal'];
  /** The bus the options name. Starts the simulated host of `--sim` at the first call. @throws ERR_VMBUS_NOT_A_GUEST */
  bus(): Promise<Bus>;
  /** The root the options name, for what works without a bus. */
  root(): Promise<string>;
  /** The host started for `--sim`; null without it, or before `bus()`. */
  readonly host: HostProcess | null;
  /** Runs at the end of the command, however it ends; the last deferred first. */
  defer(cleanup: () => unknown): void;
}

/** What a context is made of. */
export interface ContextOptions {
  readonly out: Output;
  readonly options: GlobalOptions;
  readonly interruption: Interruption;
  readonly command: readonly string[];
}

/** Makes the context of one run. */
export function makeContext(given: ContextOptions): Context {
  return new RunContext(given);
}

class RunContext implements Context {
  readonly out: Output;
  readonly options: GlobalOptions;
  readonly signal: AbortSignal;
  readonly command: readonly string[];
  readonly lendTerminal: Interruption['lendTerminal'];
  readonly #cleanups: (() => unknown)[] = [];
  #host: HostProcess | null = null;
  #bus: Promise<Bus> | undefined;

  constructor(given: ContextOptions) {
    this.out = given.out;
    this.options = given.options;
    this.signal = given.interruption.signal;
    this.lendTerminal = given.interruption.lendTerminal;
    this.command = given.command;
  }

  get host(): HostProcess | null {
    return this.#host;
  }

  defer(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  async root(): Promise<string> {
    if (this.options.sim) return (await this.#startHost()).root;
    return this.options.root ?? (process.env.VMBUS_ROOT || '/');
  }

  bus(): Promise<Bus> {
    this.#bus ??= this.#openBus();
    return this.#bus;
  }

  async #openBus(): Promise<Bus> {
    const { openBus } = await loadBusSurface();
    const bus = openBus({ root: await this.root() });
    this.defer(() => bus.close());
    return bus;
  }

  async #startHost(): Promise<HostProcess> {
    if (this.#host) return this.#host;
    const { startSimulation } = await import('./simulation.js');
    const host = await startSimulation({ signal: this.signal });
    this.#host = host;
    this.defer(() => host.close());
    return host;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (;;) {
      const cleanup = this.#cleanups.pop();
      if (!cleanup) break;
      try {
        await cleanup();
      } catch (error) {
        failures.push(error);
      }
    }
    // One cleanup must not keep the others from running; the first failure is the one to tell.
    if (failures.length > 0) throw failures[0];
  }
}
