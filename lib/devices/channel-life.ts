// SPDX-License-Identifier: MIT
//
// The life of a device's guest side on a channel: it reads until either of them ends, closes the channel, and says why.
// Called by memory.ts, ic-service.ts.

import type { Channel, CloseReason, Packet } from '../channel/types.js';
import { VmbusError } from '../errors.js';

/** What lives on the channel. */
export interface LivingDevice {
  /** A packet of the host. What it throws ends the life. */
  take(packet: Packet): void | Promise<void>;
  /** It ends: nobody gets an answer any more. Comes once or more, before `ended`. */
  stop(): void;
  /** It has ended, and the channel is closed. */
  ended(reason: CloseReason): void;
}

/** Begins when it is made. */
export class ChannelLife {
  /** Resolves at the end, whoever made it. Never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #channel: Channel;
  readonly #device: LivingDevice;
  #verdict: CloseReason | null = null;

  constructor(channel: Channel, device: LivingDevice, signal?: AbortSignal) {
    this.#channel = channel;
    this.#device = device;
    const onAbort = (): void => void this.end({ by: 'abort', error: signal?.reason });
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    this.closed = this.#run().finally(() => signal?.removeEventListener('abort', onAbort));
  }

  /** Closes the channel; the first caller's verdict stands. */
  async end(verdict: CloseReason): Promise<void> {
    this.#verdict ??= verdict;
    this.#device.stop();
    await this.#channel.close().catch((error: unknown) => {
      // A close that fails after a quiet end is the one thing worth telling.
      if (this.#verdict?.by === 'user') this.#verdict = failedWith(error);
    });
  }

  async #run(): Promise<CloseReason> {
    try {
      void this.#channel.closed.then(() => this.#device.stop());
      for await (const packet of this.#channel) {
        if (this.#verdict) break;
        await this.#device.take(packet);
      }
    } catch (error) {
      // While the channel is open the error is ours or the host's message; otherwise the channel itself knows why it ended.
      if (this.#channel.isOpen) this.#verdict ??= failedWith(error);
    }
    await this.end(this.#verdict ?? (await this.#channel.closed));
    const reason = this.#verdict ?? { by: 'user' };
    this.#device.ended(reason);
    return reason;
  }
}

/** The end that an error makes: the host's doing where it broke the protocol. */
export function failedWith(error: unknown): CloseReason {
  const by = VmbusError.is(error) && error.code === 'ERR_VMBUS_PROTOCOL' ? 'violation' : 'error';
  return { by, error: error as Error };
}
