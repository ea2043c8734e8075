// SPDX-License-Identifier: MIT
//
// A running vmbus-freezer: its lines as they come, the bytes that it is told, its end.
// Called by: freezer.ts, thaw.ts.

import { type ChildProcess, spawn } from 'node:child_process';
import { VmbusError } from '../../errors.js';
import { type FreezerLine, parseFreezerLine } from './freezer-lines.js';
import type { FreezeTarget } from './types.js';

/** How it ended. */
export interface FreezerExit {
  /** Null when a signal ended it: what it held is still frozen. */
  readonly status: number | null;
  readonly signal: string | null;
}

/** Arguments for targets. */
export const targetWords = (targets: readonly FreezeTarget[]): string[] =>
  targets.flatMap(({ device, point }) => [device, point]);

/** A freezer. */
export class FreezerProcess {
  /** Resolves when it is over and all it said was handed on. @throws when it can't be started */
  readonly ended: Promise<FreezerExit>;
  readonly #child: ChildProcess;

  constructor(program: string, words: readonly string[], onLine: (line: FreezerLine) => void) {
    // A session of its own: Ctrl-C is for the script, whose end it will hear of by the pipe. No variables: none is looked at.
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'ignore'], detached: true, cwd: '/', env: {} });
    this.#child = child;
    let rest = '';
    child.stdout?.setEncoding('latin1').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const parsed = parseFreezerLine(line);
        if (parsed) onLine(parsed);
      }
    });
    // It may end before it reads what it is told: that it ended says enough.
    child.stdin?.on('error', () => undefined);
    this.ended = new Promise((resolve, reject) => {
      child.once('error', (cause) => reject(startError(program, cause)));
      child.once('close', (status, signal) => resolve({ status, signal }));
    });
    this.ended.catch(() => undefined);
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  /** Freezes: `F`. Thaws: `T`. */
  tell(command: 'F' | 'T'): void {
    this.#child.stdin?.write(command);
  }

  /** It thaws what it holds, and ends. */
  letGo(): void {
    this.#child.stdin?.end();
  }
}

function startError(program: string, cause: Error): VmbusError {
  return new VmbusError('ERR_VMBUS_NATIVE_LOAD', `can't start ${program}: ${cause.message}`, {
    path: program,
    hint: 'build it: node scripts/build-native.mjs in the folder of the package',
    cause,
  });
}
