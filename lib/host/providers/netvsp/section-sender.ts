// SPDX-License-Identifier: MIT
//
// RNDIS messages on their way to the guest on one channel: a bounded queue, of which as many as there are sections are
// written into the receive buffer and announced in one packet. One batch at a time, so that they stay in order; what
// comes meanwhile makes the next batch.
// Called by: queue-session.ts (frames), nic.ts (control messages).

import { encodeNvspHostMessage, noSection } from '../../../protocol/nvsp.js';
import { transferPagesType } from '../../../protocol/transfer-pages.js';
import type { HostChannel } from '../../types.js';
import type { ChannelWriter } from './channel-writer.js';
import { Fifo } from './fifo.js';
import type { FilledSection, ReceiveBuffer } from './receive-buffer.js';

const wantsCompletion = 1;

/** How messages of one kind are sent. */
export interface SectionSenderOptions {
  /** See `RndisChannel`. */
  readonly channelType: number;
  /** Messages that may wait. */
  readonly limit: number;
  /** Messages in one packet at most. */
  readonly batch: number;
  /** Whether sections that control messages need are left to them. */
  readonly leavesReserve: boolean;
  /** The receive buffer as it is now. */
  buffer(): ReceiveBuffer | null;
  /** So many messages were announced, with so many bytes of frames. */
  sent(messages: number, frameBytes: number): void;
}

interface Batch {
  readonly sections: readonly FilledSection[];
  readonly frameBytes: number;
}

/** The way to the guest for messages of one kind on one channel. */
export class SectionSender {
  readonly #channel: HostChannel;
  readonly #writer: ChannelWriter;
  readonly #options: SectionSenderOptions;
  readonly #announcement: Uint8Array;
  readonly #messages = new Fifo<{ readonly message: Uint8Array; readonly frameBytes: number }>();
  #isWriting = false;

  constructor(channel: HostChannel, writer: ChannelWriter, options: SectionSenderOptions) {
    this.#channel = channel;
    this.#writer = writer;
    this.#options = options;
    const { channelType } = options;
    this.#announcement = encodeNvspHostMessage({
      kind: 'rndisPacket',
      channelType,
      sectionIndex: noSection,
      sectionBytes: 0,
    });
  }

  /** Messages that wait for a section. */
  get waiting(): number {
    return this.#messages.length;
  }

  /** Takes a message; false when too many wait already. */
  push(message: Uint8Array, frameBytes = 0): boolean {
    if (this.#messages.length >= this.#options.limit) return false;
    this.#messages.push({ message, frameBytes });
    this.pump();
    return true;
  }

  /** Sends what there are sections and room in the ring for. */
  pump(): void {
    const buffer = this.#options.buffer();
    if (!buffer || this.#isWriting || this.#writer.waiting > 0 || !this.#channel.isOpen) return;
    const sections: FilledSection[] = [];
    const writes: Promise<void>[] = [];
    let frameBytes = 0;
    while (sections.length < this.#options.batch && this.#messages.length > 0) {
      const section = buffer.take(this.#options.leavesReserve ? reserveOf(buffer) : 0);
      const next = section === null ? undefined : this.#messages.shift();
      if (section === null || !next) break;
      sections.push({ section, bytes: next.message.length });
      writes.push(buffer.write(section, next.message));
      frameBytes += next.frameBytes;
    }
    if (sections.length > 0) this.#announceAfter(Promise.all(writes), buffer, { sections, frameBytes });
  }

  /** Forgets what waits. */
  clear(): void {
    this.#messages.clear();
  }

  #announceAfter(writes: Promise<unknown>, buffer: ReceiveBuffer, batch: Batch): void {
    this.#isWriting = true;
    writes
      .then(() => {
        this.#isWriting = false;
        if (this.#channel.isOpen && this.#options.buffer() === buffer) this.#announce(buffer, batch);
        else for (const { section } of batch.sections) buffer.give(section);
        this.pump();
      })
      .catch((error: unknown) => this.#channel.fail(error));
  }

  #announce(buffer: ReceiveBuffer, { sections, frameBytes }: Batch): void {
    const packet = buffer.hand(this.#channel, sections);
    this.#writer.send(this.#announcement, { type: transferPagesType, flags: wantsCompletion, ...packet });
    this.#options.sent(sections.length, frameBytes);
  }
}

/** Answers must come through although frames take all they can get. */
function reserveOf(buffer: ReceiveBuffer): number {
  return Math.min(16, buffer.sectionCount >>> 1);
}
