// SPDX-License-Identifier: MIT
//
// What a device wants to send while the ring may be full: answers to the guest, and events of scripts, in order. While an
// answer waits the guest is not listened to, so a guest that asks and never reads cannot make the host's memory grow.
// Called by synth-session.ts.

import { VmbusError } from '../../errors.js';
import type { HostChannel } from '../types.js';

/** A guest that never reads must not make a script's queue endless. */
const mostWaiting = 65_536;

interface Entry {
  payload: Uint8Array;
  readonly canMerge: boolean;
  readonly resolve: (() => void)[];
  readonly reject: ((error: unknown) => void)[];
}

/** The sending half of one opening of a device. */
export class Outgoing {
  readonly #channel: HostChannel;
  readonly #waiting: Entry[] = [];
  #isHolding = false;

  constructor(channel: HostChannel) {
    this.#channel = channel;
  }

  /** Answers the guest. */
  answer(payload: Uint8Array): void {
    if (this.#waiting.length === 0 && this.#channel.send(payload)) return;
    this.#waiting.push({ payload, canMerge: false, resolve: [], reject: [] });
    this.#isHolding = true;
    this.#channel.pause();
  }

  /**
   * Sends events; resolves when the last one is in the ring. With `merge` an event takes the place of one that waits last and
   * could be merged, too.
   * @throws VmbusError ERR_VMBUS_CLOSED when the guest closes the device before, ERR_VMBUS_BUSY when too much waits
   */
  async write(payloads: readonly Uint8Array[], options: { readonly merge?: boolean } = {}): Promise<void> {
    const canMerge = options.merge ?? false;
    let sent = 0;
    while (this.#waiting.length === 0 && sent < payloads.length) {
      const payload = payloads[sent];
      if (payload && !this.#channel.send(payload)) break;
      sent += 1;
    }
    const rest = payloads.slice(sent);
    if (rest.length === 0) return;
    if (this.#waiting.length + rest.length > mostWaiting) throw busy(this.#channel);
    for (const payload of rest) this.#queue(payload, canMerge);
    await new Promise<void>((resolve, reject) => {
      this.#waiting.at(-1)?.resolve.push(resolve);
      this.#waiting.at(-1)?.reject.push(reject);
    });
  }

  /** There is space again. */
  flush(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      if (!this.#channel.send(next.payload)) return;
      this.#waiting.shift();
      for (const resolve of next.resolve) resolve();
    }
    if (!this.#isHolding) return;
    this.#isHolding = false;
    this.#channel.resume();
  }

  /** Nothing can be sent any more. */
  close(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) for (const refuse of reject) refuse(error);
  }

  #queue(payload: Uint8Array, canMerge: boolean): void {
    const last = this.#waiting.at(-1);
    if (canMerge && last?.canMerge) last.payload = payload;
    else this.#waiting.push({ payload, canMerge, resolve: [], reject: [] });
  }
}

function busy({ device, relid }: HostChannel): VmbusError {
  return new VmbusError('ERR_VMBUS_BUSY', `${mostWaiting} events wait for a guest that does not read them`, {
    device,
    channel: relid,
    hint: 'await each call before the next',
  });
}
