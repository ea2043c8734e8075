// SPDX-License-Identifier: MIT
// One run of the QEMU of a hosted guest: its consoles, its monitor, its agent, its memory and the stream of its VMBus.
// Called by boot-hosted.ts. Calls qemu-process.ts.
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { QemuProcess } from '../qemu-process.js';
import { QmpClient } from '../qmp-client.js';
import { TextTail } from '../text-tail.js';
import { HOSTED_SOCKETS, type HostedSocket, LINK_FILE } from './hosted-command.js';

const CONNECT_INTERVAL_MS = 50;

export interface HostedProcessOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mode: 'direct' | 'nested';
  /** Bytes of the file that is the guest's memory; 0 for none. */
  readonly memoryBytes: number;
}

export class HostedProcess {
  readonly #qemu: QemuProcess<HostedSocket>;
  readonly #mode: 'direct' | 'nested';
  readonly #folder: string;
  readonly #memory: number | undefined;
  /** Direct: where the preloaded object connects to. */
  readonly #server: net.Server | undefined;
  readonly #accepted: net.Socket[] = [];
  #linksBefore = 0;
  readonly consoles: { readonly outer: TextTail; readonly guest: TextTail } = {
    outer: new TextTail(),
    guest: new TextTail(),
  };
  readonly monitor: QmpClient;
  /** Settles when QEMU is gone and everything it wrote has arrived. */
  readonly ended: Promise<void>;

  private constructor(options: HostedProcessOptions, folder: string, server: net.Server | undefined) {
    const { command, env, mode, memoryBytes } = options;
    this.#mode = mode;
    this.#folder = folder;
    this.#server = server?.on('connection', (socket) => this.#accepted.push(socket));
    this.#memory = memoryBytes > 0 ? unlinkedFile(memoryBytes) : undefined;
    this.#qemu = new QemuProcess({
      command,
      sockets: HOSTED_SOCKETS,
      files: this.#memory === undefined ? [] : [this.#memory],
      cwd: folder,
      env: { ...process.env, ...env },
    });
    this.ended = this.#qemu.ended.then(() => this.#clean());
    this.consoles.outer.follow(this.socket('console'));
    this.consoles.guest.follow(this.socket('con'));
    this.consoles.outer.follow(this.socket('ctl')); // how the guest's QEMU ended is told there alone
    const monitor = this.socket('monitor');
    this.monitor = new QmpClient(monitor, (line) => monitor.write(line));
  }

  static async start(options: HostedProcessOptions): Promise<HostedProcess> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vmbus-lab-'));
    const server = options.mode === 'direct' ? net.createServer().listen(path.join(folder, LINK_FILE)) : undefined;
    if (server) await once(server, 'listening');
    return new HostedProcess(options, folder, server);
  }

  get isRunning(): boolean {
    return this.#qemu.isRunning;
  }

  /** How QEMU ended. */
  get ending(): string {
    return this.#qemu.ending;
  }

  /** What the preloaded object says: in QEMU's own words, or on the outer machine's console. */
  get shimSays(): TextTail {
    return this.#mode === 'direct' ? this.#qemu.said : this.consoles.outer;
  }

  /** A path under which processes of this user can open the guest's memory. */
  get memoryPath(): string | undefined {
    return this.#memory === undefined ? undefined : `/proc/${process.pid}/fd/${this.#memory}`;
  }

  socket(name: HostedSocket): net.Socket {
    return this.#qemu.socket(name);
  }

  kill(reason: string): void {
    this.#qemu.kill(reason);
  }

  /**
   * A connection to the preloaded object, one at a time: the one before must be closed.
   * @throws when QEMU ends first
   */
  async openLink(): Promise<net.Socket> {
    const isFirst = this.#linksBefore++ === 0;
    return this.#mode === 'direct' ? this.#acceptLink() : this.#connectLink(isFirst);
  }

  async #acceptLink(): Promise<net.Socket> {
    while (this.#accepted.length === 0) {
      if (!this.isRunning || !this.#server) throw new Error(this.ending);
      await Promise.race([once(this.#server, 'connection'), this.ended]);
    }
    return this.#accepted.shift() as net.Socket;
  }

  // A port of the outer machine does not tell its reader of an end and a new beginning that follow each other closely,
  // so the next connection waits until the object has closed it.
  async #connectLink(isFirst: boolean): Promise<net.Socket> {
    if (!isFirst) {
      await this.monitor.event('VSERPORT_CHANGE', ({ id, open }) => id === `port-${LINK_FILE}` && open === false);
    }
    while (this.isRunning) {
      const socket = net.connect(path.join(this.#folder, LINK_FILE));
      try {
        await once(socket, 'connect');
        return socket;
      } catch {
        await pause(CONNECT_INTERVAL_MS); // QEMU has not come so far
      }
    }
    throw new Error(this.ending);
  }

  #clean(): void {
    this.#server?.close();
    if (this.#memory !== undefined) fs.closeSync(this.#memory);
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Memory that is gone when nobody has it open any more, whatever happens to us. */
function unlinkedFile(bytes: number): number {
  const folder = fs.mkdtempSync('/dev/shm/vmbus-lab-');
  try {
    const descriptor = fs.openSync(path.join(folder, 'memory'), 'wx+', 0o600);
    fs.ftruncateSync(descriptor, bytes);
    return descriptor;
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
