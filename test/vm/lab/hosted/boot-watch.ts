// SPDX-License-Identifier: MIT
// Follows the starts of a hosted guest: at each, modules are loaded as soon as there is a host, and then it counts as up.
// Called by hosted-machine.ts.
import { randomUUID } from 'node:crypto';
import type { CommandResult } from './hosted-machine.js';

export interface BootWatchOptions {
  readonly modules: readonly string[];
  readonly run: (command: string) => Promise<CommandResult>;
  /** Settles with the reason when there will be no further start. */
  readonly ended: Promise<Error>;
}

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  isSettled: boolean;
}

function deferred(): Deferred {
  let settle = { resolve: (): void => undefined, reject: (_: Error): void => undefined };
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  promise.catch(() => undefined); // whoever waits gets it
  const result: Deferred = {
    promise,
    isSettled: false,
    resolve: () => {
      result.isSettled = true;
      settle.resolve();
    },
    reject: (error) => {
      result.isSettled = true;
      settle.reject(error);
    },
  };
  return result;
}

export class BootWatch {
  readonly #options: BootWatchOptions;
  readonly #firstAgent = deferred();
  #boot = deferred();
  #nextBoot = deferred();
  #starts = 0;
  #hasHost = false;

  constructor(options: BootWatchOptions) {
    this.#options = options;
    void options.ended.then((error) => {
      for (const waiting of [this.#firstAgent, this.#boot, this.#nextBoot]) waiting.reject(error);
    });
  }

  get firstAgent(): Promise<void> {
    return this.#firstAgent.promise;
  }

  /** The latest start's being up. */
  get current(): Promise<void> {
    return this.#boot.promise;
  }

  /** The next start's being up. */
  next(): Promise<void> {
    return this.#nextBoot.promise;
  }

  agentStarted(): void {
    this.#starts++;
    this.#firstAgent.resolve();
    if (this.#starts > 1) {
      this.#boot = this.#nextBoot;
      this.#nextBoot = deferred();
    }
    if (this.#hasHost) void this.#bringUp();
  }

  /** There is a host from now on. */
  begin(): void {
    this.#hasHost = true;
    if (this.#starts > 0) void this.#bringUp();
  }

  async #bringUp(): Promise<void> {
    const boot = this.#boot;
    const script = [
      // A guest restored from a snapshot has the clock and the random state of that snapshot.
      `date -s @${Math.floor(Date.now() / 1000)} > /dev/null`,
      `echo ${randomUUID()} > /dev/urandom`,
      ...this.#options.modules.map((name) => `modprobe ${name} || exit 1`),
    ];
    try {
      const { status, stderr } = await this.#options.run(script.join('\n'));
      if (status === 0) boot.resolve();
      else boot.reject(new Error(`the guest could not load its modules: ${stderr.trim()}`));
    } catch (error) {
      boot.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
