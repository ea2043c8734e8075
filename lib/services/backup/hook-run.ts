// SPDX-License-Identifier: MIT
//
// One run of a hook: a program in a process group of its own, with a time limit and its output kept in memory.
// Called by: steps.ts.
//
// It may leave a process behind on purpose, such as a database client that holds a lock until the thaw: then the end of the hook
// itself counts, not the end of its output. A hook that takes too long is killed with all of its group.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { HookRun } from './types.js';

/** The end of an output is kept: an error stands there. */
const keptBytes = 8 * 1024;
/** From the request to end until the end. */
const graceMs = 1000;
/** For what a hook printed last to arrive. */
const settleMs = 50;

/** What is run. */
export interface HookCommand {
  readonly name: string;
  readonly words: readonly [string, ...string[]];
}

/** How it is run. */
export interface HookLimits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs it to its end. Never rejects: what went wrong is in the answer. */
export async function runHook({ name, words }: HookCommand, { timeoutMs, signal, env }: HookLimits): Promise<HookRun> {
  const began = performance.now();
  const output = new KeptOutput();
  const end = (problem: string | null): HookRun => ({
    name,
    problem,
    output: output.text,
    droppedBytes: output.droppedBytes,
    tookMs: Math.round(performance.now() - began),
  });
  if (signal?.aborted) return end('was not run: the freeze was given up');
  const [program, ...rest] = words;
  const child = spawn(program, rest, {
    detached: true,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: variables(env),
  });
  for (const stream of [child.stdout, child.stderr]) output.take(stream);
  let why: string | null = null;
  const stop = (reason: string): void => {
    why ??= reason;
    killGroup(child, 'SIGTERM');
    killing ??= setTimeout(() => killGroup(child, 'SIGKILL'), graceMs);
  };
  let killing: NodeJS.Timeout | undefined;
  const timer = setTimeout(() => stop(`took longer than ${timeoutMs} ms and was killed`), timeoutMs);
  const onAbort = (): void => stop('was killed: the freeze was given up');
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const failure = await exitOf(child);
    // What of its group does not end by itself.
    if (why !== null) killGroup(child, 'SIGKILL');
    await output.settle();
    return end(why ?? failure);
  } finally {
    clearTimeout(timer);
    clearTimeout(killing);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Null for success. */
function exitOf(child: ChildProcess): Promise<string | null> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('exit', (status, signal) => {
      if (status === 0) resolve(null);
      else resolve(signal === null ? `failed with status ${status}` : `was killed by ${signal}`);
    });
  });
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // all of it is gone
  }
}

function variables(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME, LANG, TZ } = process.env;
  return { PATH, ...(HOME ? { HOME } : {}), ...(LANG ? { LANG } : {}), ...(TZ ? { TZ } : {}), ...env };
}

/** The last bytes of two streams, mixed as they came. */
class KeptOutput {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #total = 0;
  #open = 0;
  #onClosed: (() => void) | null = null;

  take(stream: (Readable & { unref?(): void }) | null): void {
    if (!stream) return;
    this.#open += 1;
    // Whoever still prints when the hook is over does not keep the script alive.
    stream.unref?.();
    stream.on('data', (chunk: Buffer) => this.#keep(chunk));
    stream.on('error', () => undefined);
    stream.once('close', () => {
      this.#open -= 1;
      if (this.#open === 0) this.#onClosed?.();
    });
  }

  get text(): string {
    return Buffer.concat(this.#chunks).subarray(-keptBytes).toString('utf8').trimEnd();
  }

  get droppedBytes(): number {
    return Math.max(0, this.#total - keptBytes);
  }

  /** What was printed before the end has arrived soon after it; what is printed later by others is not waited for. */
  async settle(): Promise<void> {
    if (this.#open === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, settleMs);
      this.#onClosed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #keep(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.#total += chunk.length;
    for (let first = this.#chunks[0]; first && this.#bytes - first.length >= keptBytes; first = this.#chunks[0]) {
      this.#chunks.shift();
      this.#bytes -= first.length;
    }
  }
}
