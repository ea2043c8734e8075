// SPDX-License-Identifier: MIT
//
// Runs a command for each file that has come, one after the other, beside the receiving: the host does not wait for it.
// Called by serve.ts. A command has a process group of its own, which ends with it, or when its time is over: SIGTERM, then
// SIGKILL. Of what it prints the beginning is kept.

import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';

/** What a file is to the command. */
export interface HookFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** How a command ended. */
export interface HookEnd {
  readonly path: string;
  /** As a shell tells it: 128 + number for a signal, 127 where it could not be started; null where it was not run at all. */
  readonly status: number | null;
  /** Why it did not end by itself. */
  readonly trouble: string | null;
  /** The beginning of what it printed. */
  readonly output: string;
}

/** How commands are run. */
export interface HookOptions {
  readonly words: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onEnd: (end: HookEnd) => void;
}

const mostOutput = 4096;
/** Files whose command has not begun. A host that is faster than that gets no more commands. */
const mostWaiting = 1000;
const graceMs = 2000;

/** Commands, one at a time. */
export class Hook {
  readonly #options: HookOptions;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(options: HookOptions) {
    this.#options = options;
  }

  run(file: HookFile): void {
    const { onEnd } = this.#options;
    if (this.#waiting >= mostWaiting) {
      onEnd({
        path: file.path,
        status: null,
        trouble: `${mostWaiting} files wait for the command already`,
        output: '',
      });
      return;
    }
    this.#waiting += 1;
    this.#last = this.#last.then(async () => {
      this.#waiting -= 1;
      onEnd(await this.#run(file));
    });
  }

  /** Resolves when all have ended. */
  idle(): Promise<void> {
    return this.#last;
  }

  async #run(file: HookFile): Promise<HookEnd> {
    const { words, timeoutMs, signal } = this.#options;
    if (signal.aborted) return { path: file.path, status: null, trouble: 'interrupted', output: '' };
    const hasPlace = words.some((word) => word.endsWith('{}'));
    const [program = '', ...rest] = hasPlace
      ? words.map((word) => (word.endsWith('{}') ? `${word.slice(0, -2)}${file.path}` : word))
      : [...words, file.path];
    const child = spawn(program, rest, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        HV_FILE: file.path,
        HV_FILE_SIZE: String(file.sizeBytes),
        HV_FILE_SHA256: file.sha256,
      },
    });
    let output = Buffer.alloc(0);
    const keep = (chunk: Buffer): void => {
      if (output.length < mostOutput) output = Buffer.concat([output, chunk]).subarray(0, mostOutput);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const { status, trouble } = await ended(child, timeoutMs, signal);
    return { path: file.path, status, trouble, output: output.toString() };
  }
}

function ended(
  child: ChildProcess,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly trouble: string | null }> {
  return new Promise((resolve) => {
    let trouble: string | null = null;
    let killer: NodeJS.Timeout | undefined;
    const stop = (why: string): void => {
      trouble ??= why;
      killGroup(child, 'SIGTERM');
      killer ??= setTimeout(() => killGroup(child, 'SIGKILL'), graceMs);
    };
    const onAbort = (): void => stop('interrupted');
    const limit = setTimeout(() => stop(`it took longer than ${timeoutMs} ms`), timeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    const finish = (status: number): void => {
      clearTimeout(limit);
      clearTimeout(killer);
      signal.removeEventListener('abort', onAbort);
      // What it left behind would hold its output open, and run on as whoever we are.
      killGroup(child, 'SIGKILL');
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve({ status, trouble });
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      trouble = error.code === 'ENOENT' ? 'there is no such program' : error.message;
      finish(127);
    });
    child.once('exit', (code, name) => setImmediate(finish, name ? 128 + constants.signals[name] : (code ?? 1)));
  });
}

function killGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch {
    // It has ended, with all it had started.
  }
}
