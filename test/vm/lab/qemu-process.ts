// SPDX-License-Identifier: MIT
// One process of QEMU on this machine: the socket pairs that lead into it, what it says, and its end.
// QEMU never outlives this process.
// Called by session.ts and hosted/.
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { TextTail } from './text-tail.js';

/** The emulated CPU lacks some features of the model it imitates; QEMU says so at every start. */
const HARMLESS = /warning: TCG doesn't support requested feature/;

export interface QemuOptions<Name extends string> {
  readonly command: readonly string[];
  /** Descriptors of the QEMU process, from 3 without gaps, that are socket pairs with our end in `socket(name)`. */
  readonly sockets: Readonly<Record<Name, number>>;
  /** Further descriptors of the QEMU process, following the sockets: descriptors of ours that it shares. */
  readonly files?: readonly number[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export class QemuProcess<Name extends string> {
  readonly #child: ChildProcess;
  readonly #sockets: Readonly<Record<Name, number>>;
  #outcome: string | undefined;
  #killedBecause: string | undefined;
  /** What QEMU itself said. */
  readonly said = new TextTail();
  /** Settles when QEMU is gone and everything it wrote has arrived. */
  readonly ended: Promise<void>;

  constructor({ command, sockets, files = [], cwd, env }: QemuOptions<Name>) {
    this.#sockets = sockets;
    // If this process is killed, the kernel kills QEMU.
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
      stdio: ['ignore', 'pipe', 'pipe', ...Object.keys(sockets).map(() => 'pipe' as const), ...files],
      detached: true, // Ctrl-C is for us; we end QEMU
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
    });
    this.ended = new Promise((resolve) => {
      const end = (outcome: string): void => {
        this.#outcome ??= outcome;
        resolve();
      };
      this.#child.once('error', (error) => end(error.message));
      this.#child.once('close', (code, signal) => end(`ended with ${signal ?? code}`));
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) if (stream) this.said.follow(stream);
    for (const stream of this.#child.stdio) stream?.on('error', () => undefined); // QEMU is gone; `ended` tells
  }

  /** True until QEMU is gone. */
  get isRunning(): boolean {
    return this.#outcome === undefined;
  }

  /** It ended as for a machine that was switched off or reset, and nobody ended it. */
  get endedByItself(): boolean {
    return this.#outcome === 'ended with 0' && this.#killedBecause === undefined;
  }

  /** How QEMU ended, why if that was our doing, and what it said itself. */
  get ending(): string {
    const said = this.said.text
      .split('\n')
      .filter((line) => line !== '' && !HARMLESS.test(line))
      .join('; ');
    const reason = this.#killedBecause ?? 'the guest ended without a result';
    return `${reason}; QEMU ${this.#outcome ?? 'runs'}${said === '' ? '' : `: ${said}`}`;
  }

  /** Our end of one of its descriptors. */
  socket(name: Name): Socket {
    const stream = Array.from<unknown>(this.#child.stdio)[this.#sockets[name]];
    if (!(stream instanceof Socket)) throw new Error(`QEMU was started without its ${name} socket`);
    return stream;
  }

  /** Ends QEMU at once. */
  kill(reason: string): void {
    if (!this.isRunning) return;
    this.#killedBecause ??= reason;
    this.#child.kill('SIGKILL');
  }
}
