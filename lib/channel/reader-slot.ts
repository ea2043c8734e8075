// SPDX-License-Identifier: MIT
//
// One reader at a time: two would each get some of the packets.
// Called by: inbox-iterator.ts, visit.ts, readable.ts.

import { busyError, type ChannelName } from './close-reasons.js';

/** Holds the place of the channel's reader. */
export class ReaderSlot {
  readonly #name: ChannelName;
  #reader: object | null = null;
  #what = '';

  constructor(name: ChannelName) {
    this.#name = name;
  }

  get isTaken(): boolean {
    return this.#reader !== null;
  }

  /** @throws VmbusError ERR_VMBUS_BUSY */
  take(reader: object, what: string): void {
    if (this.#reader !== null) {
      throw busyError(
        this.#name,
        `${this.#what} reads its packets already`,
        'leave that loop first (break, or return())',
      );
    }
    this.#reader = reader;
    this.#what = what;
  }

  release(reader: object): void {
    if (this.#reader === reader) this.#reader = null;
  }
}
