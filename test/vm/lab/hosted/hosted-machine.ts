// SPDX-License-Identifier: MIT
// A running guest whose VMBus a process of ours plays: commands in it, its console, its memory, its end.
// Made by boot-hosted.ts. Calls agent.ts, hosted-process.ts and boot-watch.ts.
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { emulationFault } from '../emulation-fault.js';
import { filesArchive, type IncludedPath, UNPACK_FILES } from '../job.js';
import { Agent, type GuestProcess } from './agent.js';
import { BootWatch } from './boot-watch.js';
import type { HostedProcess } from './hosted-process.js';
import { kernelTrouble } from './kernel-trouble.js';

/** Between the last word of a QEMU and its end, on a busy machine. */
const END_MS = 10_000;

/** How a command in the guest ended. */
export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Kills the command; `run` then throws its reason. */
  readonly signal?: AbortSignal;
  /** Its standard input; empty if left out. */
  readonly input?: Uint8Array | string;
}

export interface GuestMemory {
  /** Processes of this user can open it as long as this process lives. Offset in it = guest physical address. */
  readonly path: string;
  readonly bytes: number;
}

export interface HostedFacts {
  /** As `uname -r` prints it. */
  readonly release: string;
  readonly mode: 'direct' | 'nested';
  readonly ram: GuestMemory | null;
  /** Loaded at each start of the guest, in this order. */
  readonly modules: readonly string[];
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

export class HostedMachine implements AsyncDisposable {
  readonly #process: HostedProcess;
  readonly #agent: Agent;
  readonly #watch: BootWatch;
  #link: Socket | undefined;
  readonly release: string;
  readonly mode: 'direct' | 'nested';
  /** Null where the guest's memory is not shared: then there are only READ and WRITE frames. */
  readonly ram: GuestMemory | null;

  constructor(process: HostedProcess, { release, mode, ram, modules }: HostedFacts) {
    this.#process = process;
    this.release = release;
    this.mode = mode;
    this.ram = ram;
    this.#watch = new BootWatch({
      modules,
      run: (command) => this.run(command),
      ended: process.ended.then(() => new Error(process.ending)),
    });
    this.#agent = new Agent(process.socket('agent'), () => this.#watch.agentStarted());
  }

  /**
   * Connects to the preloaded object; what waits for a host goes on now.
   * @param agentIsUp it said so before the snapshot was taken
   */
  async connect({ agentIsUp }: { readonly agentIsUp: boolean }): Promise<void> {
    this.#link = await this.#process.openLink();
    if (agentIsUp) this.#agent.ready();
    this.#watch.begin();
  }

  /** Settles when the agent is up for the first time. */
  get agentIsUp(): Promise<void> {
    return this.#watch.firstAgent;
  }

  /** The first connection to the preloaded object. */
  get link(): Socket {
    if (!this.#link) throw new Error('the machine is not connected yet');
    return this.#link;
  }

  /** A further connection, when the one before is closed. The object has reset the guest then. */
  openLink(): Promise<Socket> {
    return this.#process.openLink();
  }

  /**
   * Waits until the guest is up and its modules are loaded, which needs a host that answers.
   * @throws when a module cannot be loaded, or QEMU ends
   */
  waitForBoot(): Promise<void> {
    return this.#watch.current;
  }

  /** Waits until the guest has started once more from now on, and is up. */
  waitForRestart(): Promise<void> {
    return this.#watch.next();
  }

  /** Starts a shell command in the guest. Several can run at a time. */
  start(command: string): GuestProcess {
    return this.#agent.start(command);
  }

  /** Runs a shell command in the guest to its end; its status may be anything. */
  async run(command: string, { signal, input = '' }: CommandOptions = {}): Promise<CommandResult> {
    signal?.throwIfAborted();
    const job = this.#agent.start(command);
    const abort = (): void => job.kill('SIGKILL');
    signal?.addEventListener('abort', abort);
    try {
      if (input.length > 0) job.write(input);
      job.write();
      const [status, stdout, stderr] = await Promise.all([job.ended, textOf(job.stdout), textOf(job.stderr)]);
      signal?.throwIfAborted();
      return { status, stdout, stderr };
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** As `run`, for commands that must not fail. @returns what it printed, less the last line's end */
  async must(command: string, options: CommandOptions = {}): Promise<string> {
    const { status, stdout, stderr } = await this.run(command, options);
    if (status !== 0) throw new Error(`${command}: exit status ${status}\n${stderr}${stdout}`);
    return stdout.replace(/\n$/, '');
  }

  /** Puts files and folders of this machine into the guest, with the libraries of programs among them. */
  async put(include: readonly IncludedPath[]): Promise<void> {
    await this.must(UNPACK_FILES, { input: filesArchive(include) });
  }

  /**
   * Makes a mounted system the guest's own: its root, with /proc, /sys and /dev moved there, and its /sbin/init as the first
   * process. Commands run in it from now on.
   */
  async handOver(root: string): Promise<void> {
    await this.must(`for each in dev proc sys; do mount --move /$each ${root}/$each || exit; done`);
    const error = await this.#agent.handOver(root);
    if (error !== 0) throw new Error(`${root} could not become the root: error ${error}`);
  }

  /** What the guest's kernel has printed so far. */
  get console(): string {
    return this.#process.consoles.guest.text;
  }

  /** The end of both consoles, ready to print. */
  get consoles(): string {
    const { outer, guest } = this.#process.consoles;
    return `---- console of the outer machine\n${outer.lastLines(40)}\n---- console of the guest\n${guest.lastLines(120)}\n`;
  }

  /** What the guest's kernel complains about: warnings with a trace, oopses, stalls. Empty if all is well. */
  get kernelTrouble(): readonly string[] {
    return kernelTrouble(this.console);
  }

  /** Set where it was the emulated processor that failed, not what ran in the guest: how that showed. */
  get emulationFault(): string | undefined {
    return emulationFault(this.#process.consoles, this.#process.isRunning ? null : 'guest');
  }

  /** Settles with how QEMU ended: the guest switched itself off, or this was closed. */
  get ended(): Promise<string> {
    return this.#process.ended.then(() => this.#process.ending);
  }

  /** Holds all processors, as a snapshot does; they go on where they were. */
  async pauseOnce(): Promise<void> {
    await this.#process.monitor.execute('stop');
    await this.#process.monitor.execute('cont');
  }

  /** Settles at once while the guest is there; else when QEMU has gone too, and its end can be told from ours. */
  async settled(): Promise<void> {
    if (this.#process.socket('agent').closed)
      await Promise.race([this.#process.ended, pause(END_MS, undefined, { ref: false })]);
  }

  /** Ends QEMU at once. */
  async close(): Promise<void> {
    this.#link?.destroy();
    this.#process.kill('closed');
    await this.#process.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
