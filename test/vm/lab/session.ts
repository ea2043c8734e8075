// SPDX-License-Identifier: MIT
// One run of QEMU on this machine: its process, the socket pairs that lead into it, and its end.
// QEMU never outlives this process, and nothing of it lies in the file system.
// Called by lab.ts and snapshot.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { QmpClient } from './qmp-client.js';
import { TextTail } from './text-tail.js';

/** Descriptors of the QEMU process; session and command line agree on them here. */
export const DESCRIPTORS = {
  monitor: 3,
  out: 4,
  ctl: 5,
  report: 6,
  console: 7,
  /** Nested: the guest's console, which the outer machine forwards. */
  con: 8,
  /** Direct: the two ends that are joined so that the guest reaches the monitor of its own QEMU. */
  qmp: 9,
  guestMonitor: 10,
} as const;

export type DescriptorName = keyof typeof DESCRIPTORS;

/** The QEMU backend that leads to one of our descriptors. */
export const backendOf = (name: DescriptorName): string => `socket,fd=${DESCRIPTORS[name]}`;

const STDIO_COUNT = 3 + Object.keys(DESCRIPTORS).length;

/** The emulated CPU lacks some features of the model it imitates; QEMU says so at every start. */
const HARMLESS = /warning: TCG doesn't support requested feature/;

export interface SessionOptions {
  readonly command: readonly string[];
  readonly output: Writable;
  readonly onProgress: (line: string) => void;
}

export class Session {
  readonly #child: ChildProcess;
  readonly #progress = new TextTail();
  readonly #report: Buffer[] = [];
  readonly #said = new TextTail();
  readonly #onProgress: (line: string) => void;
  #progressWaiters: (() => void)[] = [];
  #pendingLine = '';
  #killedBecause: string | undefined;
  /** What both machines said on their consoles. */
  readonly consoles: { readonly outer: TextTail; readonly guest: TextTail } = {
    outer: new TextTail(),
    guest: new TextTail(),
  };
  readonly monitor: QmpClient;
  /** Settles when QEMU is gone and everything it wrote has arrived. */
  readonly ended: Promise<void>;
  #outcome: string | undefined;

  constructor({ command, output, onProgress }: SessionOptions) {
    this.#onProgress = onProgress;
    // If this process is killed, the kernel kills QEMU.
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
      stdio: ['ignore', ...Array.from({ length: STDIO_COUNT - 1 }, () => 'pipe' as const)],
      detached: true, // Ctrl-C is for us; we end QEMU
    });
    this.ended = new Promise((resolve) => {
      const end = (outcome: string): void => {
        this.#outcome ??= outcome;
        this.#wake();
        resolve();
      };
      this.#child.once('error', (error) => end(error.message));
      this.#child.once('close', (code, signal) => end(`ended with ${signal ?? code}`));
    });
    this.#socket('out').pipe(output, { end: false });
    this.#socket('ctl')
      .setEncoding('utf8')
      .on('data', (text: string) => this.#takeProgress(text));
    this.#socket('report').on('data', (bytes: Buffer) => this.#report.push(bytes));
    this.consoles.outer.follow(this.#socket('console'));
    this.consoles.guest.follow(this.#socket('con'));
    for (const stream of [this.#child.stdout, this.#child.stderr]) if (stream) this.#said.follow(stream);
    this.#socket('qmp').pipe(this.#socket('guestMonitor')).pipe(this.#socket('qmp'));
    const monitor = this.#socket('monitor');
    this.monitor = new QmpClient(monitor, (line) => monitor.write(line));
  }

  /** True until QEMU is gone. */
  get isRunning(): boolean {
    return this.#outcome === undefined;
  }

  /** All progress lines up to now. */
  get progress(): string {
    return this.#progress.text;
  }

  /** What the job wrote to its report port. */
  get report(): string {
    return Buffer.concat(this.#report).toString('utf8');
  }

  /** Why QEMU ended, and what it said itself. */
  get ending(): string {
    const reason = this.#killedBecause ?? 'the guest ended without a result';
    const said = this.#said.text
      .split('\n')
      .filter((line) => line !== '' && !HARMLESS.test(line))
      .join('; ');
    return `${reason}; QEMU ${this.#outcome ?? 'runs'}${said === '' ? '' : `: ${said}`}`;
  }

  /** Sends the guest its job: the size on a line, then the bytes. */
  sendJob(archive: Uint8Array): void {
    const out = this.#socket('out');
    out.write(`${archive.length}\n`);
    out.write(archive);
  }

  /** Waits for a progress line; null if QEMU ended before. */
  async progressLine(pattern: RegExp): Promise<RegExpExecArray | null> {
    for (;;) {
      const match = pattern.exec(this.#progress.text);
      if (match || !this.isRunning) return match;
      await new Promise<void>((resolve) => this.#progressWaiters.push(resolve));
    }
  }

  /** Ends QEMU at once. */
  kill(reason: string): void {
    if (!this.isRunning) return;
    this.#killedBecause ??= reason;
    this.#child.kill('SIGKILL');
  }

  #socket(name: DescriptorName): Socket {
    const stream = Array.from<unknown>(this.#child.stdio)[DESCRIPTORS[name]];
    if (!(stream instanceof Socket)) throw new Error(`QEMU was started without its ${name} socket`);
    stream.on('error', () => undefined); // QEMU is gone; `ended` tells
    return stream;
  }

  #takeProgress(text: string): void {
    this.#progress.add(text);
    const lines = (this.#pendingLine + text).split('\n');
    this.#pendingLine = lines.pop() ?? '';
    lines.forEach(this.#onProgress);
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#progressWaiters;
    this.#progressWaiters = [];
    for (const wake of waiters) wake();
  }
}
