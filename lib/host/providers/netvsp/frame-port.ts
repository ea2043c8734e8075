// SPDX-License-Identifier: MIT
//
// A script's port of a switch: a stream in object mode, one Uint8Array per Ethernet frame in each direction.
// Called by: network-switch.ts.

import { Duplex } from 'node:stream';
import { types } from 'node:util';

import { checkInteger, checkOptionNames, checkText } from '../../../check.js';
import { invalidType } from '../../../errors.js';
import type { NetworkStation, SwitchPort } from './network-switch.js';

/** Options of a port. */
export interface FramePortOptions {
  /** Frames kept for a reader that does not read; more are dropped and counted. Default 1024. */
  readonly capacity?: number;
  /** For people. Default `port`. */
  readonly name?: string;
}

const defaultCapacity = 1024;

/**
 * A port for scripts.
 * @example
 * const port = lan.port();
 * port.frames.write(frame);
 * for await (const frame of port.frames) console.log(frame);
 */
export class FramePort implements NetworkStation {
  readonly name: string;
  /** Frames from and to the network. What is read is a copy of the reader's own; what is written is copied. */
  readonly frames: Duplex;
  readonly #capacity: number;
  #port: SwitchPort | null = null;
  #dropped = 0;

  /** Made by `NetworkSwitch.port()`. @throws TypeError, RangeError */
  constructor(options: FramePortOptions = {}) {
    checkOptionNames(options, ['capacity', 'name']);
    checkText(options.name, 'options.name');
    if (options.capacity !== undefined) checkInteger(options.capacity, 'options.capacity', 1, 2 ** 20);
    this.name = options.name ?? 'port';
    this.#capacity = options.capacity ?? defaultCapacity;
    this.frames = new Duplex({
      objectMode: true,
      readableHighWaterMark: this.#capacity,
      read: () => undefined,
      write: (frame: unknown, _encoding, done) => done(this.#send(frame)),
      destroy: (error, done) => {
        this.#port?.disconnect();
        done(error);
      },
    });
  }

  /** Frames lost because nobody read them. */
  get dropped(): number {
    return this.#dropped;
  }

  attach(port: SwitchPort): void {
    this.#port = port;
  }

  deliver(frame: Uint8Array): void {
    if (this.frames.destroyed || this.frames.readableLength >= this.#capacity) this.#dropped += 1;
    else this.frames.push(Uint8Array.from(frame));
  }

  /** Takes the cable out and ends the stream. Safe to call twice. */
  close(): void {
    this.#port?.disconnect();
    if (!this.frames.destroyed) this.frames.push(null);
  }

  #send(frame: unknown): TypeError | null {
    if (!types.isUint8Array(frame)) return invalidType('frame', 'a Uint8Array', frame);
    this.#port?.send(Uint8Array.from(frame));
    return null;
  }
}
