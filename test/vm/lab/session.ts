// SPDX-License-Identifier: MIT
// One run of QEMU for one job: what goes in, what comes out, and how far the guest has come.
// Nothing of it lies in the file system.
// Called by attempt.ts. Calls qemu-process.ts.
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { QemuProcess } from './qemu-process.js';
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

export interface SessionOptions {
  readonly command: readonly string[];
  readonly output: Writable;
  readonly onProgress: (line: string) => void;
}

export class Session {
  readonly #qemu: QemuProcess<DescriptorName>;
  readonly #progress = new TextTail();
  readonly #report: Buffer[] = [];
  readonly #onProgress: (line: string) => void;
  #progressWaiters: (() => void)[] = [];
  #pendingLine = '';
  /** What both machines said on their consoles. */
  readonly consoles: { readonly outer: TextTail; readonly guest: TextTail } = {
    outer: new TextTail(),
    guest: new TextTail(),
  };
  readonly monitor: QmpClient;
  /** Settles when QEMU is gone and everything it wrote has arrived. */
  readonly ended: Promise<void>;

  constructor({ command, output, onProgress }: SessionOptions) {
    this.#onProgress = onProgress;
    this.#qemu = new QemuProcess({ command, sockets: DESCRIPTORS });
    this.ended = this.#qemu.ended.then(() => this.#wake());
    this.#socket('out').pipe(output, { end: false });
    this.#socket('ctl')
      .setEncoding('utf8')
      .on('data', (text: string) => this.#takeProgress(text));
    this.#socket('report').on('data', (bytes: Buffer) => this.#report.push(bytes));
    this.consoles.outer.follow(this.#socket('console'));
    this.consoles.guest.follow(this.#socket('con'));
    this.#socket('qmp').pipe(this.#socket('guestMonitor')).pipe(this.#socket('qmp'));
    const monitor = this.#socket('monitor');
    this.monitor = new QmpClient(monitor, (line) => monitor.write(line));
  }

  /** True until QEMU is gone. */
  get isRunning(): boolean {
    return this.#qemu.isRunning;
  }

  /** Its machine was switched off or reset, and nobody ended it. */
  get endedByItself(): boolean {
    return this.#qemu.endedByItself;
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
    return this.#qemu.ending;
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
    this.#qemu.kill(reason);
  }

  #socket(name: DescriptorName): Socket {
    return this.#qemu.socket(name);
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
