// SPDX-License-Identifier: MIT
//
// Status reports: one message, or a series of them. A report that finds the ring full is skipped: a newer one will follow.
// Called by memory.ts. Source: post_status() of drivers/hv/hv_balloon.c of the Linux kernel.

import type { Channel, SendOptions } from '../../channel/types.js';
import { encodeGuestMessage } from '../../protocol/dynamic-memory.js';
import { checkFigures } from './arguments.js';
import type { MemoryFigures } from './figures.js';

/** Sends reports. */
export class ReportSeries {
  readonly counts = { reportsSent: 0, reportsSkipped: 0 };
  readonly #channel: Channel;
  readonly #nextId: () => number;
  #timer: NodeJS.Timeout | undefined;

  constructor(channel: Channel, nextId: () => number) {
    this.#channel = channel;
    this.#nextId = nextId;
  }

  /** One report; resolves when it is published. @throws for wrong figures and what {@link Channel.send} throws */
  async send(figures: MemoryFigures, options: Pick<SendOptions, 'signal' | 'timeoutMs'>): Promise<MemoryFigures> {
    const checked = checkFigures(figures);
    await this.#channel.send(this.#encode(checked), options);
    this.counts.reportsSent += 1;
    return checked;
  }

  /** A report after `delayMs` and then every `intervalMs`. The first failure ends the series and is handed to `onError`. */
  start(delayMs: number, intervalMs: number, figures: () => MemoryFigures, onError: (error: unknown) => void): void {
    const tick = (): void => {
      try {
        if (this.#channel.trySend(this.#encode(checkFigures(figures())))) this.counts.reportsSent += 1;
        else this.counts.reportsSkipped += 1;
        this.#timer = setTimeout(tick, intervalMs);
        // The channel decides what keeps the process alive.
        this.#timer.unref();
      } catch (error) {
        onError(error);
      }
    };
    this.#timer = setTimeout(tick, delayMs);
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #encode(figures: Required<MemoryFigures>): Uint8Array {
    return encodeGuestMessage({
      kind: 'statusReport',
      transactionId: this.#nextId(),
      availablePages: BigInt(figures.availablePages),
      committedPages: BigInt(figures.committedPages),
      pageFilePages: BigInt(figures.pageFilePages),
      zeroAndFreePages: BigInt(figures.zeroAndFreePages),
      pageFileWrites: figures.pageFileWrites,
      ioDifference: figures.ioDifference,
    });
  }
}
