// SPDX-License-Identifier: MIT
//
// vmbus-freezer with folders in the place of file systems: freeze-shim.c answers for the kernel.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { showDeviceNumber } from '../../dist/bus/use/device-number.js';
import { freezerPath } from '../../dist/native/freezer-path.js';

const source = fileURLToPath(new URL('../../test/process/freeze-shim.c', import.meta.url));

/** A compiled shim; null without a compiler. */
export function compileShim(): { readonly path: string; remove(): void } | null {
  const folder = mkdtempSync(join(tmpdir(), 'vmbus-shim-'));
  const path = join(folder, 'shim.so');
  const { status, error } = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', path, source], { stdio: 'inherit' });
  if (error === undefined && status === 0) return { path, remove: () => rmSync(folder, { recursive: true }) };
  rmSync(folder, { recursive: true });
  return null;
}

/** A freezer that runs. */
export interface RunningFreezer {
  readonly child: ChildProcess;
  /** Resolves once it has said this line. */
  says(line: string): Promise<void>;
  tell(command: string): void;
  readonly ended: Promise<{ readonly status: number | null; readonly lines: readonly string[] }>;
}

/** Folders and what was asked of them. */
export class FreezerScene implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'vmbus-freezer-'));
  readonly #shim: string;
  readonly #started: ChildProcess[] = [];

  constructor(shim: string) {
    this.#shim = shim;
  }

  [Symbol.dispose](): void {
    // Of a test that failed: nothing is really frozen.
    for (const child of this.#started) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true });
  }

  get gate(): string {
    return join(this.folder, 'gate');
  }

  /** `freeze a`, `thaw a` … in their order. */
  get asked(): string[] {
    const log = join(this.folder, 'log');
    return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  }

  /** Resolves once that was asked. */
  async hasNoted(line: string): Promise<void> {
    while (!this.asked.includes(line)) await pause(5);
  }

  /** Arguments for a folder of this name. */
  words(name: string): [string, string] {
    const path = join(this.folder, name);
    mkdirSync(path, { recursive: true });
    return [showDeviceNumber(statSync(path).dev), path];
  }

  start(names: readonly string[], flags: readonly string[] = ['--deadline-ms', '60000']): RunningFreezer {
    return this.run([...flags, ...names.flatMap((name) => this.words(name))]);
  }

  run(words: readonly string[]): RunningFreezer {
    const env = { LD_PRELOAD: this.#shim, FREEZE_LOG: join(this.folder, 'log'), FREEZE_GATE: this.gate };
    const child = spawn(freezerPath(), words, { stdio: ['pipe', 'pipe', 'ignore'], env });
    this.#started.push(child);
    let text = '';
    child.stdin.on('error', () => undefined);
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    const lines = (): string[] => text.split('\n').slice(0, -1);
    const ended = once(child, 'close').then(([status]) => ({ status: status as number | null, lines: lines() }));
    return {
      child,
      ended,
      tell: (command) => child.stdin.write(command),
      async says(line) {
        while (!lines().includes(line)) {
          const more = await Promise.race([once(child.stdout, 'data'), ended.then(() => null)]);
          if (more === null && !lines().includes(line)) throw new Error(`ended without "${line}": ${text}`);
        }
      },
    };
  }
}
