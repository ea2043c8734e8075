// SPDX-License-Identifier: MIT
//
// The host's end of one pair of rings, as a host channel uses it: what every attachment must be able to do.
// Called by: host-channel.ts, faults.ts. Calls native/binding: the same reader and writer as the guest's, roles swapped.
// Sizes, rows and statuses are those of native/binding.ts.

import type { Binding } from '../native/binding.js';

/** One end of a pair of rings. Methods answer the statuses of native/binding.ts. */
export interface RingEnd {
  /** Registers memory: what `drain` fills, and what `writeMany` reads. */
  setArenas(receive: Uint8Array, receiveIndex: Int32Array, send: Uint8Array, sendIndex: Int32Array): void;
  drain(maxPackets: number): number;
  write(type: number, flags: number, idLow: number, idHigh: number, offset8: number, body: Uint8Array): number;
  writeMany(first: number, count: number): number;
  awaitSpace(bytes: number): number;
  largestPayload(): number;
  /** Fills the array by the positions in `Inspect`. */
  inspect(out: Float64Array): number;
  /** Name of a violation. */
  violationName(violation: number): string;
  dropSignals(count: number): void;
  pokeHeader(ring: number, word: number, value: number): number;
  writeRaw(bytes: Uint8Array): number;
  /** Wakes the guest whatever the rings say. */
  wake(): void;
  close(): void;
}

/** What a ring end leaves to its attachment. */
export interface RingEndHooks {
  /** Wakes the guest whatever the rings say. */
  wake(): void;
  /** The rings may have changed by our own hand: signals to give, words to carry over. */
  touched?(): void;
}

/** A ring end over a channel of the addon. */
export class NativeRingEnd implements RingEnd {
  readonly #binding: Binding;
  readonly #channel: number;
  readonly #hooks: RingEndHooks;

  /** @param channel Handle of `attachHost` or `attachPages`. */
  constructor(binding: Binding, channel: number, hooks: RingEndHooks) {
    this.#binding = binding;
    this.#channel = channel;
    this.#hooks = hooks;
  }

  setArenas(receive: Uint8Array, receiveIndex: Int32Array, send: Uint8Array, sendIndex: Int32Array): void {
    this.#binding.setReceiveArena(this.#channel, receive, receiveIndex);
    this.#binding.setSendArena(this.#channel, send, sendIndex);
  }

  drain(maxPackets: number): number {
    return this.#touched(this.#binding.drain(this.#channel, maxPackets));
  }

  write(type: number, flags: number, idLow: number, idHigh: number, offset8: number, body: Uint8Array): number {
    return this.#touched(this.#binding.write(this.#channel, type, flags, idLow, idHigh, offset8, body));
  }

  writeMany(first: number, count: number): number {
    return this.#touched(this.#binding.writeMany(this.#channel, first, count));
  }

  awaitSpace(bytes: number): number {
    return this.#touched(this.#binding.awaitSpace(this.#channel, bytes));
  }

  largestPayload(): number {
    return this.#binding.largestPayload(this.#channel);
  }

  inspect(out: Float64Array): number {
    return this.#binding.inspectChannel(this.#channel, out);
  }

  violationName(violation: number): string {
    return this.#binding.violationName(violation);
  }

  dropSignals(count: number): void {
    this.#binding.dropSignals(this.#channel, count);
  }

  pokeHeader(ring: number, word: number, value: number): number {
    return this.#touched(this.#binding.pokeHeader(this.#channel, ring, word, value));
  }

  writeRaw(bytes: Uint8Array): number {
    return this.#touched(this.#binding.writeRaw(this.#channel, bytes));
  }

  wake(): void {
    this.#hooks.wake();
  }

  close(): void {
    this.#binding.closeChannel(this.#channel);
  }

  #touched(status: number): number {
    this.#hooks.touched?.();
    return status;
  }
}
