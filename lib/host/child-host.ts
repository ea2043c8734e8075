// SPDX-License-Identifier: MIT
//
// A simulated host in a process of its own, seen from its parent: commands go in, answers and events come out.
// Called by: host-process.ts. Calls: event-reader.ts. What is said: process-protocol.ts.

import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

import { VmbusError } from '../errors.js';
import { EventReader, type EventsOptions } from './event-reader.js';
import type { HostProcess } from './host-process.js';
import { errorOf } from './plain.js';
import type {
  HostProcessEvent,
  ListedDevice,
  ProcessAnswer,
  ProcessDevice,
  ProcessNews,
  ProcessOptions,
  ProcessRequest,
} from './process-protocol.js';
import type { NamedDevice } from './providers/by-name.js';

const stopTimeoutMs = 5_000;

interface Waiting {
  resolve(answer: ProcessAnswer): void;
  reject(error: Error): void;
}

/** A host process as its parent holds it. */
export class ChildHost implements HostProcess {
  root = '';
  devices: HostProcess['devices'] = [];
  readonly pid: number;
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #stdin: Writable;
  readonly #stdout: Readable;
  readonly #waiting = new Map<number | undefined, Waiting>();
  readonly #readers = new Set<EventReader>();
  #lastId = 0;
  /** What went wrong at the end. */
  #lastWords: Error | null = null;
  #hasEnded = false;
  #isClosing = false;
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

  async list(): Promise<readonly ListedDevice[]> {
    return (await this.#command({ verb: 'list' })) as readonly ListedDevice[];
  }

  async add(device: NamedDevice | string): Promise<ProcessDevice> {
    return (await this.#command({ verb: 'add', device })) as ProcessDevice;
  }

  call(device: string, verb: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#command({ verb: 'call', device, name: verb, args });
  }

  events(options: EventsOptions = {}): AsyncIterableIterator<HostProcessEvent> {
    const reader = new EventReader(options, {
      waits: () => this.#holdWhileOwed(),
      left: () => {
        this.#readers.delete(reader);
        this.#holdWhileOwed();
        if (this.#readers.size === 0) this.#listen(false);
      },
    });
    if (this.#hasEnded) reader.end();
    if (reader.hasEnded) return reader;
    this.#readers.add(reader);
    if (this.#readers.size === 1) this.#listen(true);
    return reader;
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
    this.#isClosing = true;
    this.#hold(true);
    this.#stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs);
    await this.ended;
    clearTimeout(timer);
    if (this.#lastWords) throw this.#lastWords;
  }

  async stop(): Promise<void> {
    await this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #command(request: ProcessRequest): Promise<unknown> {
    const id = ++this.#lastId;
    try {
      const answer = this.#ask(id, { id, ...request });
      this.#holdWhileOwed();
      return (await answer).result;
    } finally {
      this.#holdWhileOwed();
    }
  }

  /** Nobody waits for this. */
  #listen(on: boolean): void {
    if (!this.#isClosing && !this.#hasEnded) this.#command({ verb: 'listen', on }).catch(() => undefined);
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
    const message = JSON.parse(line) as ProcessAnswer | ProcessNews;
    if ('event' in message) {
      for (const reader of [...this.#readers]) reader.tell(message.event);
      return;
    }
    const { id, error } = message;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (!error) waiting?.resolve(message);
    else if (waiting) waiting.reject(errorOf(error));
    else this.#lastWords = errorOf(error);
  }

  #onEnd(error: Error): void {
    this.#hasEnded = true;
    // A child that was killed could not clean up after itself.
    if (this.#isRootFresh) rmSync(this.root, { recursive: true, force: true });
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
    for (const reader of [...this.#readers]) reader.end();
  }

  #holdWhileOwed(): void {
    this.#hold(this.#isClosing || this.#waiting.size > 0 || [...this.#readers].some((reader) => reader.isWaiting));
  }

  /** Whether the child keeps this process alive: only while somebody waits for an answer or an event. */
  #hold(keep: boolean): void {
    const verb = keep ? 'ref' : 'unref';
    this.#child[verb]();
    for (const pipe of [this.#stdin, this.#stdout]) {
      if (verb in pipe && typeof pipe[verb as keyof typeof pipe] === 'function')
        (pipe as unknown as NodeJS.RefCounted)[verb]();
    }
  }
}
