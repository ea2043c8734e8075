// SPDX-License-Identifier: MIT
//
// Starts a simulated host in a process of its own, so that its work is not done on the caller's event loop.
// Called by: `hv --sim`, `hv sim`, `hv demo`, tests, benchmarks. The child is process-main.ts; it dies with this process.

import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { checkLimits, checkOptionNames } from '../check.js';
import { invalidType, VmbusError } from '../errors.js';
import type { ProcessAnswer, ProcessOptions, ProcessRequest } from './process-protocol.js';
import type { NamedDevice } from './providers/by-name.js';

/** Options of {@link startHostProcess}. */
export interface HostProcessOptions extends ProcessOptions {
  /** Gives up starting, or ends the host later. */
  readonly signal?: AbortSignal;
  /** How long starting may take. Default 10 s. */
  readonly timeoutMs?: number;
}

/** A simulated host in a process of its own. Does not keep this process alive. */
export interface HostProcess extends AsyncDisposable {
  /** Folder to open as root. */
  readonly root: string;
  readonly pid: number;
  /** Devices offered at the start. */
  readonly devices: readonly { readonly name: string; readonly instanceGuid: string }[];
  /** Resolves when the process has ended, for whatever reason, with its exit status (null: killed by a signal). */
  readonly ended: Promise<number | null>;
  /** Offers one more device. */
  add(device: NamedDevice | string): Promise<void>;
  /** Withdraws a device, by provider name, class or instance GUID. */
  rescind(device: string): Promise<void>;
  /** Takes away a device node alone. */
  vanishNode(device: string): Promise<void>;
  /** Brings every attribute up to date now. */
  refresh(): Promise<void>;
  /** Ends the host; its folder is gone when this resolves. Safe to call twice. */
  close(): Promise<void>;
  /** The same as {@link close}. */
  stop(): Promise<void>;
}

const startTimeoutMs = 10_000;
const stopTimeoutMs = 5_000;

/**
 * Starts a host process and waits until it serves its folder.
 * @throws VmbusError ERR_VMBUS_TIMEOUT, ERR_VMBUS_SYSTEM; TypeError, RangeError for unknown devices or options, and for wrong ones
 * @example
 * await using host = await startHostProcess({ devices: ['echo'], bound: true });
 */
export async function startHostProcess(options: HostProcessOptions): Promise<HostProcess> {
  checkOptionNames(options, ['devices', 'root', 'cpus', 'bound', 'requireMonitor', 'signal', 'timeoutMs']);
  checkLimits(options);
  // Everything else is checked where it is used, in the child.
  if (!Array.isArray(options.devices)) throw invalidType('options.devices', 'an array of devices', options.devices);
  const { signal, timeoutMs = startTimeoutMs, ...plain } = options;
  signal?.throwIfAborted();
  const child = spawn(process.execPath, [fileURLToPath(new URL('./process-main.js', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // The child outlives a Ctrl-C of the terminal until we let it go: the guest's end closes first.
    detached: true,
  });
  const host = new ChildHost(child);
  const onAbort = (): void => void host.close();
  signal?.addEventListener('abort', onAbort, { once: true });
  void host.ended.then(() => signal?.removeEventListener('abort', onAbort));
  try {
    await host.begin(plain, timeoutMs);
  } catch (error) {
    await host.close();
    signal?.throwIfAborted();
    throw error;
  }
  return host;
}

interface Waiting {
  resolve(answer: ProcessAnswer): void;
  reject(error: Error): void;
}

class ChildHost implements HostProcess {
  root = '';
  devices: HostProcess['devices'] = [];
  readonly pid: number;
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #stdin: Writable;
  readonly #stdout: Readable;
  readonly #waiting = new Map<number | undefined, Waiting>();
  #lastId = 0;
  #hasEnded = false;
  /** The child made the folder. */
  #isRootFresh = false;

  constructor(child: ChildProcess) {
    const { stdin, stdout, pid } = child;
    if (!stdin || !stdout) throw new VmbusError('ERR_VMBUS_SYSTEM', 'the host process has no pipes');
    this.#child = child;
    this.#stdin = stdin;
    this.#stdout = stdout;
    this.pid = pid ?? -1;
    stdin.on('error', () => undefined);
    createInterface({ input: stdout }).on('line', (line) => this.#onLine(line));
    this.ended = new Promise((resolve) => {
      child.once('error', (cause) => {
        this.#onEnd(new VmbusError('ERR_VMBUS_SYSTEM', 'cannot start the host process', { cause }));
        resolve(null);
      });
      child.once('close', (status) => {
        this.#onEnd(new VmbusError('ERR_VMBUS_CLOSED', `the host process ended with status ${status ?? 'none'}`));
        resolve(status);
      });
    });
  }

  async begin(options: ProcessOptions, timeoutMs: number): Promise<void> {
    const timeout = new Promise<never>((_, reject) => {
      const error = new VmbusError('ERR_VMBUS_TIMEOUT', `the host process did not start within ${timeoutMs} ms`, {
        facts: { timeoutMs },
      });
      const timer = setTimeout(() => reject(error), timeoutMs);
      void this.ended.then(() => clearTimeout(timer));
      this.#stdout.once('data', () => clearTimeout(timer));
    });
    const { root = '', devices = [] } = await Promise.race([this.#ask(undefined, options), timeout]);
    this.#isRootFresh = options.root === undefined;
    this.root = root;
    this.devices = devices;
    this.#hold(false);
  }

  async add(device: NamedDevice | string): Promise<void> {
    await this.#command({ verb: 'add', device });
  }

  async rescind(device: string): Promise<void> {
    await this.#command({ verb: 'rescind', device });
  }

  async vanishNode(device: string): Promise<void> {
    await this.#command({ verb: 'vanish', device });
  }

  async refresh(): Promise<void> {
    await this.#command({ verb: 'refresh' });
  }

  async close(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hold(true);
    this.#stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs);
    await this.ended;
    clearTimeout(timer);
  }

  async stop(): Promise<void> {
    await this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #command(request: ProcessRequest): Promise<void> {
    const id = ++this.#lastId;
    this.#hold(true);
    try {
      await this.#ask(id, { id, ...request });
    } finally {
      if (this.#waiting.size === 0) this.#hold(false);
    }
  }

  #ask(id: number | undefined, message: object): Promise<ProcessAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) {
        reject(new VmbusError('ERR_VMBUS_CLOSED', 'the host process has ended'));
        return;
      }
      this.#waiting.set(id, { resolve, reject });
      this.#stdin.write(`${JSON.stringify(message)}\n`);
    });
  }

  #onLine(line: string): void {
    const answer = JSON.parse(line) as ProcessAnswer;
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.error) waiting?.reject(asError(answer.error));
    else waiting?.resolve(answer);
  }

  #onEnd(error: Error): void {
    this.#hasEnded = true;
    // A child that was killed could not clean up after itself.
    if (this.#isRootFresh) rmSync(this.root, { recursive: true, force: true });
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }

  /** Whether the child keeps this process alive: only while it owes an answer. */
  #hold(keep: boolean): void {
    const verb = keep ? 'ref' : 'unref';
    this.#child[verb]();
    for (const pipe of [this.#stdin, this.#stdout]) {
      if (verb in pipe && typeof pipe[verb as keyof typeof pipe] === 'function')
        (pipe as unknown as NodeJS.RefCounted)[verb]();
    }
  }
}

/** The error that the child met, with its own code. */
function asError(error: Readonly<Record<string, unknown>>): Error {
  const code = String(error.code);
  const Class = code === 'ERR_OUT_OF_RANGE' ? RangeError : code.startsWith('ERR_INVALID_ARG') ? TypeError : Error;
  return Object.assign(new Class(String(error.message)), { code });
}
