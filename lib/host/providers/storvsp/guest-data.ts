// SPDX-License-Identifier: MIT
//
// The data of one SCSI request, in the guest's memory: never more than the request says, and only in its direction.
// Called by: unit.ts, absent-unit.ts. Made by: execute.ts.

import { extentsOf, type GpaRange } from '../../../protocol/gpa-direct.js';
import { SrbDirection, SrbStatus } from '../../../protocol/storvsc.js';
import type { HostChannel } from '../../types.js';
import { SrbRefusal } from './refusals.js';

/** What a request says about its data. */
export interface DataPlace {
  readonly direction: number;
  readonly transferBytes: number;
  /** At least as many bytes; null where there are none. */
  readonly range: GpaRange | null;
}

/** Data of one request. Rejections that are no refusals are the guest's memory's: its channel fails with them. */
export class GuestData {
  readonly #channel: HostChannel;
  readonly #place: DataPlace;

  constructor(channel: HostChannel, place: DataPlace) {
    this.#channel = channel;
    this.#place = place;
  }

  /** What comes with the command. @throws SrbRefusal where that is less than the command needs */
  async fetch(bytes: number): Promise<Uint8Array> {
    if (bytes === 0) return new Uint8Array();
    this.need(bytes);
    if (this.#place.direction !== SrbDirection.toDevice) throw new SrbRefusal(SrbStatus.invalidRequest);
    return await this.#channel.memory.read(this.#extents(bytes));
  }

  /** Room that a command must have for its data. @throws SrbRefusal */
  need(bytes: number): void {
    if (bytes > this.#place.transferBytes) throw new SrbRefusal(SrbStatus.dataOverrun);
  }

  /** Gives the guest what fits of the bytes. @returns how many */
  async store(bytes: Uint8Array, allocationBytes: number = bytes.length): Promise<number> {
    const count = Math.min(bytes.length, allocationBytes, this.#place.transferBytes);
    if (count === 0) return 0;
    if (this.#place.direction !== SrbDirection.fromDevice) throw new SrbRefusal(SrbStatus.invalidRequest);
    // Once the guest has closed the channel its memory is not ours.
    if (this.#channel.isOpen) await this.#channel.memory.write(this.#extents(count), bytes.subarray(0, count));
    return count;
  }

  #extents(bytes: number): ReturnType<typeof extentsOf> {
    return this.#place.range ? extentsOf(this.#place.range, 0, bytes) : [];
  }
}
