// SPDX-License-Identifier: MIT
//
// vmbus-keeper, a process of its own: it has the device open and holds the memory that a host may write to, so that whatever
// becomes of this process, the device is closed first.
// Called by: arena.ts. The program: native/keeper.

import { type ChildProcess, spawn } from 'node:child_process';
import { VmbusError } from '../../errors.js';
import { keeperPath } from '../../native/keeper-path.js';

/** What it says when it is there; another version says something else. */
const readyLine = 'ready 1';

/** Descriptors that it gets, numbers in this process. */
export interface HeldDescriptors {
  readonly node: number;
  /** -1 where the memory is the kernel's. */
  readonly memory: number;
  /** -1 where nothing pins the memory. */
  readonly pin: number;
}

/** A running keeper. */
export class Keeper {
  /** Resolves when it is over; true: because it was told to. Never rejects. */
  readonly ended: Promise<boolean>;
  readonly #child: ChildProcess;
  #isTold = false;

  private constructor(child: ChildProcess, ended: Promise<unknown>) {
    this.#child = child;
    this.ended = ended.then(() => this.#isTold);
  }

  /** Starts one; it has the descriptors when this resolves. @throws VmbusError ERR_VMBUS_NATIVE_LOAD */
  static async start({ node, memory, pin }: HeldDescriptors, program: string = keeperPath()): Promise<Keeper> {
    const held = [node, memory, pin].filter((descriptor) => descriptor >= 0);
    // A session of its own: Ctrl-C is for the script. Output goes nowhere but here.
    const child = spawn(program, [String(held.length)], {
      stdio: ['pipe', 'pipe', 'ignore', ...held],
      detached: true,
      cwd: '/',
      env: {},
    });
    const gone = new Promise<unknown>((resolve) => {
      child.once('error', resolve);
      child.once('close', (status, signal) => resolve(signal ?? status));
    });
    child.stdin?.on('error', () => undefined);
    const line = await Promise.race([firstLine(child), gone.then((why) => whyText(why))]);
    if (line === readyLine) {
      settle(child);
      return new Keeper(child, gone);
    }
    child.stdin?.end();
    throw new VmbusError('ERR_VMBUS_NATIVE_LOAD', `${program} did not start as it should: ${line}`, {
      path: program,
      hint: 'build it: node scripts/build-native.mjs in the folder of the package',
    });
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  /** It closes the device, then lets go of the memory. Resolves when both have happened. */
  async release(): Promise<void> {
    this.#isTold = true;
    this.#child.ref();
    this.#child.stdin?.end();
    await this.ended;
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    child.stdout?.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
    });
  });
}

function whyText(why: unknown): string {
  return why instanceof Error ? why.message : `it ended with ${String(why)}`;
}

/** It must not keep the script alive: the channel does, as long as that is wanted. */
function settle(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout]) (stream as { unref?(): void } | null)?.unref?.();
}
