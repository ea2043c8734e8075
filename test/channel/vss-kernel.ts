// SPDX-License-Identifier: MIT
//
// The kernel's side of /dev/vmbus/hv_vss in a simulated tree: takes a registration, sends requests, collects answers.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { echo, SimulatedHost } from '../../dist/host/index.js';
import { binding, EventLog } from './native-pair.js';

const registration = '810000000000000000000000';

/** A kernel with a backup service. */
export class VssKernel implements AsyncDisposable {
  /** Answers of the program, in hex: 12 bytes each. */
  readonly answers: EventLog<string> = new EventLog();
  readonly #host: SimulatedHost;
  #served = 0;

  private constructor(host: SimulatedHost) {
    this.#host = host;
  }

  static async start(): Promise<VssKernel> {
    const host = await SimulatedHost.start({ devices: [echo()] });
    mkdirSync(join(host.root, 'dev/vmbus'), { recursive: true });
    const kernel = new VssKernel(host);
    kernel.switchOn();
    return kernel;
  }

  get root(): string {
    return this.#host.root;
  }

  switchOn(): void {
    const path = join(this.root, 'dev/vmbus/hv_vss');
    this.#served = binding.serveService(
      path,
      () => undefined,
      (message) => {
        const text = Buffer.from(message).toString('hex');
        if (text === registration) binding.sendServed(this.#served, Uint8Array.of(129, 0, 0, 0));
        else if (text !== '') this.answers.push(text);
      },
    );
    assert.ok(this.#served > 0, `errno ${-this.#served}`);
  }

  switchOff(): void {
    binding.closeServed(this.#served);
  }

  /** Sends a request and does not wait. */
  send(operation: number): void {
    const message = new Uint8Array(12);
    message[0] = operation;
    assert.equal(binding.sendServed(this.#served, message), 0);
  }

  /** Sends a request, and resolves with the error in its answer. */
  async ask(operation: number): Promise<string> {
    const before = this.answers.seen.length;
    this.send(operation);
    await this.answers.reach(before + 1);
    return this.answers.seen[before] ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.switchOff();
    await this.#host.close();
  }
}

/** Answers as they stand on the wire. */
export const done = '000000000000000000000000';
export const failed = '054000800000000000000000';
