// SPDX-License-Identifier: MIT
// Runs shell commands in a guest through guest/agent.c, any number at a time. Frames both ways, little-endian:
// u32 payload length, u32 kind, u32 job, payload.
// Called by hosted-machine.ts.
import { constants } from 'node:os';
import { PassThrough, type Readable } from 'node:stream';

const RUN = 1;
const INPUT = 2;
const KILL = 3;
const HAND_OVER = 4;
const READY = 0x81;
const OUTPUT = 0x82;
const ERRORS = 0x83;
const ENDED = 0x84;

const HEADER_BYTES = 12;
/** Longest input in one frame; the agent takes up to a mebibyte. */
const INPUT_BYTES = 64 * 1024;

/** The stream to the agent, as far as this needs it. */
export interface AgentPort extends Readable {
  write(bytes: Uint8Array): boolean;
}

/** A command that runs in the guest. */
export interface GuestProcess {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Its exit status, 128+n after a signal. @throws when the guest restarts or ends before it does */
  readonly ended: Promise<number>;
  /** Gives it standard input; without an argument, the end of it. */
  write(bytes?: Uint8Array | string): void;
  /** Sends a signal to it and to all that it started. */
  kill(signal?: NodeJS.Signals): void;
}

interface Job {
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  readonly resolve: (status: number) => void;
  readonly reject: (error: Error) => void;
}

export class Agent {
  readonly #port: AgentPort;
  readonly #onReady: () => void;
  readonly #jobs = new Map<number, Job>();
  #unread: Buffer = Buffer.alloc(0);
  #nextJob = 1;
  #gone: Error | undefined;
  /** What is for an agent that has not started yet. */
  #unsent: Buffer[] | undefined = [];

  /** @param onReady told at each start of the guest's agent; what ran before it is gone then */
  constructor(port: AgentPort, onReady: () => void) {
    this.#port = port;
    this.#onReady = onReady;
    port.on('data', (chunk: Buffer) => this.#take(chunk));
    port.on('close', () => this.end(new Error('the guest has ended')));
  }

  /** Starts a shell command. */
  start(command: string): GuestProcess {
    const { id, ...job } = this.#begin(RUN, command);
    return {
      ...job,
      write: (bytes = '') => this.#input(id, Buffer.from(bytes)),
      kill: (signal = 'SIGTERM') => {
        const number = Buffer.alloc(4);
        number.writeUInt32LE(constants.signals[signal]);
        this.#send(KILL, id, number);
      },
    };
  }

  /** Makes a mount the guest's root, and its /sbin/init the first process. @returns 0, or the number of the error */
  handOver(root: string): Promise<number> {
    return this.#begin(HAND_OVER, root).ended;
  }

  #begin(kind: number, words: string): { readonly id: number } & Pick<GuestProcess, 'stdout' | 'stderr' | 'ended'> {
    const id = this.#nextJob++;
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const ended = new Promise<number>((resolve, reject) => {
      if (this.#gone) reject(this.#gone);
      else this.#jobs.set(id, { stdout, stderr, resolve, reject });
    });
    ended.catch(() => undefined); // whoever waits for it gets it; a command may also be left to itself
    this.#send(kind, id, Buffer.from(words));
    return { id, stdout, stderr, ended };
  }

  /** The agent has started; what ran before is gone, what was to run before the first start begins. */
  ready(): void {
    const waiting = this.#unsent;
    this.#unsent = undefined;
    if (waiting) for (const frame of waiting) this.#port.write(frame);
    else this.#failJobs(new Error('the guest has restarted'));
    this.#onReady();
  }

  /** Fails what runs, and all that is started from now on. */
  end(error: Error): void {
    this.#gone ??= error;
    this.#failJobs(this.#gone);
  }

  #failJobs(error: Error): void {
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const { stdout, stderr, reject } of jobs) {
      stdout.end();
      stderr.end();
      reject(error);
    }
  }

  #input(id: number, bytes: Buffer): void {
    let at = 0;
    do {
      this.#send(INPUT, id, bytes.subarray(at, at + INPUT_BYTES));
      at += INPUT_BYTES;
    } while (at < bytes.length);
  }

  #send(kind: number, job: number, payload: Uint8Array): void {
    if (this.#gone) return;
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(payload.length, 0);
    header.writeUInt32LE(kind, 4);
    header.writeUInt32LE(job, 8);
    const frame = Buffer.concat([header, payload]);
    if (this.#unsent) this.#unsent.push(frame);
    else this.#port.write(frame);
  }

  #take(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    for (;;) {
      if (this.#unread.length < HEADER_BYTES) return;
      const end = HEADER_BYTES + this.#unread.readUInt32LE(0);
      if (this.#unread.length < end) return;
      const frame = this.#unread.subarray(0, end);
      this.#unread = this.#unread.subarray(end);
      this.#dispatch(frame.readUInt32LE(4), frame.readUInt32LE(8), frame.subarray(HEADER_BYTES));
    }
  }

  #dispatch(kind: number, id: number, payload: Buffer): void {
    if (kind === READY) {
      this.ready();
      return;
    }
    const job = this.#jobs.get(id);
    if (!job) return; // it was started before the guest was
    if (kind === OUTPUT) job.stdout.write(Buffer.from(payload));
    if (kind === ERRORS) job.stderr.write(Buffer.from(payload));
    if (kind !== ENDED) return;
    this.#jobs.delete(id);
    job.stdout.end();
    job.stderr.end();
    job.resolve(payload.readInt32LE(0));
  }
}
