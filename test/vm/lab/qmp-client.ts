// SPDX-License-Identifier: MIT
// Speaks QMP, QEMU's monitor protocol, over any byte stream: one JSON object per line each way.
// Called by snapshot.ts on this machine and by suites/support/qmp.ts inside the guest.
// Facts: docs/interop/qmp-spec.rst of QEMU.
import readline from 'node:readline';
import type { Readable } from 'node:stream';

/** Something that QEMU reports unasked. */
export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Answer {
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
  readonly data?: Record<string, unknown>;
}

interface Waiting {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** QEMU refused a command; `code` is its error class, such as GenericError. */
export class QmpError extends Error {
  readonly code: string;

  constructor(command: string, code: string, description: string) {
    super(`${command}: ${code}: ${description}`);
    this.code = code;
  }
}

const KEPT_EVENTS = 200;

export class QmpClient {
  readonly #send: (line: string) => void;
  readonly #commands = new Map<number, Waiting>();
  #events: QmpEvent[] = [];
  #eventWaiters: (() => void)[] = [];
  #nextId = 1;
  #gone: Error | undefined;

  /**
   * @param input what QEMU says
   * @param send gives QEMU one line
   */
  constructor(input: Readable, send: (line: string) => void) {
    this.#send = send;
    const lines = readline.createInterface({ input });
    lines.on('line', (line) => this.#take(line));
    lines.on('close', () => this.#end(new Error('QEMU closed its monitor')));
    // Not input.on: readline takes the errors of its input for its own, and one that nobody listens to ends the process.
    lines.on('error', (error: Error) => this.#end(error));
  }

  /**
   * Leaves negotiation mode. A monitor that somebody else used before is past it already and says so; that is fine.
   * What it reported to nobody in between is dropped.
   */
  async negotiate(): Promise<void> {
    try {
      await this.execute('qmp_capabilities');
    } catch (error) {
      if (!(error instanceof QmpError && error.code === 'CommandNotFound')) throw error;
    }
    this.#events = [];
  }

  /**
   * Runs a command.
   * @returns what it returns, an object for most commands
   * @throws QmpError when QEMU refuses
   */
  execute(command: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    if (this.#gone) return Promise.reject(this.#gone);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#commands.set(id, { command, resolve, reject });
      this.#send(`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`);
    });
  }

  /** The oldest event of that name which nobody took yet, or the next one; `matches` may look into its data. */
  async event(name: string, matches: (data: QmpEvent['data']) => boolean = () => true): Promise<QmpEvent> {
    for (;;) {
      const index = this.#events.findIndex(({ event, data }) => event === name && matches(data));
      const [found] = index < 0 ? [] : this.#events.splice(index, 1);
      if (found) return found;
      if (this.#gone) throw this.#gone;
      await new Promise<void>((resolve) => this.#eventWaiters.push(resolve));
    }
  }

  #take(line: string): void {
    if (line.trim() === '') return;
    const answer = JSON.parse(line) as Answer;
    if (answer.event !== undefined) {
      this.#events.push({ event: answer.event, data: answer.data ?? {} });
      if (this.#events.length > KEPT_EVENTS) this.#events.shift();
      this.#wakeEventWaiters();
      return;
    }
    const waiting = answer.id === undefined ? undefined : this.#commands.get(answer.id);
    if (answer.id === undefined || !waiting) return; // the greeting, or an answer to an earlier client
    this.#commands.delete(answer.id);
    if (answer.error) waiting.reject(new QmpError(waiting.command, answer.error.class, answer.error.desc));
    else waiting.resolve(answer.return);
  }

  #wakeEventWaiters(): void {
    const waiters = this.#eventWaiters;
    this.#eventWaiters = [];
    for (const wake of waiters) wake();
  }

  #end(error: Error): void {
    if (this.#gone) return;
    this.#gone = error;
    for (const { reject } of this.#commands.values()) reject(error);
    this.#commands.clear();
    this.#wakeEventWaiters();
  }
}
