// SPDX-License-Identifier: MIT
//
// Frames and control messages of one queue on their way out: at once while there is room, else in order when the host has
// given room back.
// Called by: queue.ts, nic.ts, control.ts. Calls: native sendFrames, sendControl.

import { unwatchAbort, watchAbort } from '../../abort-watch.js';
import type { ChannelCore } from '../../channel/channel-core.js';
import { VmbusError } from '../../errors.js';
import { type Binding, Status } from '../../native/binding.js';

const done: Promise<void> = Promise.resolve();
/** Control messages that may wait: more are a host that does not read. */
const mostControls = 256;

interface Waiting {
  readonly list: readonly Uint8Array[];
  readonly infos: Int32Array | null;
  next: number;
  resolve(): void;
  reject(error: unknown): void;
}

export class Sends {
  readonly #core: ChannelCore;
  readonly #binding: Binding;
  readonly #handle: number;
  readonly #watch: () => void;
  readonly #queue = new Set<Waiting>();
  readonly #controls: Uint8Array[] = [];
  #end: { readonly error: unknown } | null = null;

  constructor(core: ChannelCore, handle: number, watch: () => void) {
    this.#core = core;
    this.#binding = core.lease.binding;
    this.#handle = handle;
    this.#watch = watch;
  }

  /** Sends that wait for room. */
  get waiting(): number {
    return this.#queue.size + this.#controls.length;
  }

  /** Resolves when all of them are on their way. They are the script's again then. */
  send(list: readonly Uint8Array[], infos: Int32Array | null, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#end !== null) return Promise.reject(this.#end.error);
    try {
      const next = this.#queue.size === 0 ? this.#write(list, infos, 0) : 0;
      return next === list.length ? done : this.#later(list, infos, next, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** How many of them have room now. */
  trySend(list: readonly Uint8Array[], infos: Int32Array | null): number {
    if (this.#end !== null) throw this.#end.error;
    return this.#queue.size > 0 ? 0 : this.#write(list, infos, 0);
  }

  /** An RNDIS control message, now or when there is room. @throws VmbusError */
  control(message: Uint8Array): void {
    if (this.#end !== null) throw this.#end.error;
    if (this.#controls.length >= mostControls) throw stuck(this.#core);
    this.#controls.push(message);
    this.pump();
  }

  /** Room may have come. */
  pump(): void {
    if (this.#end !== null) return;
    try {
      while (this.#controls.length > 0 && this.#writeControl()) this.#controls.shift();
    } catch {
      return; // the queue ends with it
    }
    for (const entry of this.#queue) {
      if (!this.#go(entry)) break;
    }
    if (this.waiting > 0) this.#watch();
  }

  fail(error: unknown): void {
    this.#end ??= { error };
    this.#controls.length = 0;
    for (const entry of this.#queue) entry.reject(error);
    this.#queue.clear();
  }

  /** True when all of it is sent, or it never will be. */
  #go(entry: Waiting): boolean {
    try {
      entry.next = this.#write(entry.list, entry.infos, entry.next);
      if (entry.next < entry.list.length) return false;
      entry.resolve();
    } catch (error) {
      entry.reject(error);
    }
    this.#queue.delete(entry);
    return true;
  }

  #later(
    list: readonly Uint8Array[],
    infos: Int32Array | null,
    next: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#queue.delete(entry);
        reject(signal?.reason);
      };
      const over = (settle: () => void): void => {
        if (signal !== undefined) unwatchAbort(signal, onAbort);
        settle();
      };
      const entry: Waiting = {
        list,
        infos,
        next,
        resolve: () => over(resolve),
        reject: (error) => over(() => reject(error)),
      };
      if (signal !== undefined) watchAbort(signal, onAbort);
      this.#queue.add(entry);
      this.#watch();
    });
  }

  /** The first frame that has no room, from `next` on. */
  #write(list: readonly Uint8Array[], infos: Int32Array | null, next: number): number {
    let at = next;
    while (at < list.length) {
      this.#checkHere();
      const count = this.#binding.sendFrames(this.#handle, list, at, infos);
      if (count < 0) throw this.#errorOf(count);
      if (count === 0) return at;
      at += count;
    }
    return at;
  }

  #writeControl(): boolean {
    this.#checkHere();
    const [message] = this.#controls;
    if (message === undefined) return false;
    const status = this.#binding.sendControl(this.#handle, message);
    if (status < 0) throw this.#errorOf(status);
    return status > 0;
  }

  #checkHere(): void {
    if (this.#core.isElsewhere()) throw this.#errorOf(Status.closed);
  }

  #errorOf(status: number): unknown {
    if (status === Status.tooLarge || status === Status.badRow) {
      return new VmbusError('ERR_VMBUS_TOO_LARGE', 'a frame changed its length while it waited to be sent', {
        device: this.#core.device,
        channel: this.#core.relid,
        hint: 'leave frames alone until send() has resolved',
      });
    }
    this.#core.breakOff(status);
    return this.#core.errorOfEnding();
  }
}

function stuck(core: ChannelCore): VmbusError {
  return new VmbusError('ERR_VMBUS_TIMEOUT', `The host takes no messages of the network card ${core.device}`, {
    device: core.device,
    channel: core.relid,
    facts: { waiting: mostControls },
    hint: 'close the card and open it again',
  });
}
