// SPDX-License-Identifier: MIT
//
// `send()` and its kin: from arguments to the outbox, and what the script is told.
// Called by: opened-channel.ts. Calls: outbox.ts.

import { Limit, type Patience } from '../limit.js';
import { Status } from '../native/binding.js';
import { checkPayloads } from './arguments.js';
import type { ChannelCore } from './channel-core.js';
import { timeoutError, tooLargeError } from './close-reasons.js';
import type { OutgoingPacket } from './outbox.js';
import { WANTS_COMPLETION } from './packet.js';
import type { OwnSendArena } from './send-arena.js';
import { highWord, lowWord } from './transaction-id.js';
import { PacketType, type SendOptions } from './types.js';

const done: Promise<void> = Promise.resolve();

/** The packet that options describe; they were checked. */
export function outgoing(payload: Uint8Array, options: SendOptions): OutgoingPacket {
  const id = options.transactionId ?? 0n;
  return {
    type: options.type ?? PacketType.inband,
    flags: options.wantsCompletion === true ? WANTS_COMPLETION : 0,
    idLow: lowWord(id),
    idHigh: highWord(id),
    header: options.header === undefined || options.header.length === 0 ? null : options.header,
    payload,
  };
}

/** Sends now or when there is space. @throws why it never will be sent */
export function send(core: ChannelCore, packet: OutgoingPacket, patience: Patience): Promise<void> {
  if (patience.signal?.aborted) return Promise.reject(patience.signal.reason);
  core.checkOpen();
  checkSize(core, packet);
  const status = core.outbox.write(packet);
  if (status === 0) return done;
  if (core.ending !== null) return Promise.reject(core.errorOfEnding());
  if (status !== Status.full) return Promise.reject(sizeError(core, packet));
  return sendLater(core, packet, patience);
}

/** Sends a plain packet without options now, or queues it. The quick way through {@link send}. */
export function sendPlain(core: ChannelCore, payload: Uint8Array): Promise<void> {
  core.checkOpen();
  const status = core.outbox.writePlain(PacketType.inband, payload);
  if (status === 0) return done;
  if (core.ending !== null) return Promise.reject(core.errorOfEnding());
  const packet = outgoing(payload, {});
  if (status !== Status.full) return Promise.reject(sizeError(core, packet));
  checkSize(core, packet);
  return sendLater(core, packet, {});
}

function sendLater(core: ChannelCore, packet: OutgoingPacket, patience: Patience): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = (timeoutMs: number): Error => timeoutError(core, 'send', timeoutMs, whyFull(core));
    const limit = new Limit(
      patience,
      (error) => {
        core.outbox.withdraw(entry);
        reject(error);
      },
      late,
    );
    const over = (settle: () => void) => (): void => {
      limit.clear();
      settle();
    };
    const entry = core.outbox.queue(packet, {
      sent: over(resolve),
      failed: (error) => over(() => reject(error))(),
    });
    if (core.outbox.queued > 0) core.watchWait();
  });
}

/** Why nothing could be written. */
export function whyFull(core: ChannelCore): string {
  const { queued } = core.outbox;
  return `the ring stayed full, the host does not read it (${queued} ${queued === 1 ? 'send waits' : 'sends wait'})`;
}

/** Sends now or not at all. */
export function trySend(core: ChannelCore, packet: OutgoingPacket): boolean {
  core.checkOpen();
  checkSize(core, packet);
  const status = core.outbox.write(packet);
  if (status === 0) return true;
  if (core.ending !== null) throw core.errorOfEnding();
  if (status !== Status.full) throw sizeError(core, packet);
  return false;
}

/** The same for a plain packet without options: the quick way. */
export function trySendPlain(core: ChannelCore, payload: Uint8Array): boolean {
  core.checkOpen();
  const status = core.outbox.writePlain(PacketType.inband, payload);
  if (status === 0) return true;
  if (core.ending !== null) throw core.errorOfEnding();
  const packet = outgoing(payload, {});
  if (status !== Status.full) throw sizeError(core, packet);
  checkSize(core, packet);
  return false;
}

/** Sends what fits. */
export function trySendMany(core: ChannelCore, payloads: readonly Uint8Array[], packet: OutgoingPacket): number {
  core.checkOpen();
  checkPayloads(payloads, 'payloads');
  if (core.outbox.queued > 0) return 0;
  const written = core.batchWriter.write(payloads, packet);
  if (written === 0 && core.ending !== null) throw core.errorOfEnding();
  return written;
}

/** Sends what fits of an arena's packets. */
export function trySendArena(core: ChannelCore, arena: OwnSendArena, first: number): number {
  core.checkOpen();
  if (core.outbox.queued > 0 || first === arena.length) return 0;
  const written = core.batchWriter.writeRows(arena, first);
  if (written === 0 && core.ending !== null) throw core.errorOfEnding();
  return written;
}

// The queue must not hold what can never be sent.
function checkSize(core: ChannelCore, packet: OutgoingPacket): void {
  if (bytesOf(packet) > core.maxPayloadBytes) throw sizeError(core, packet);
}

function sizeError(core: ChannelCore, packet: OutgoingPacket): Error {
  return tooLargeError(core, bytesOf(packet), core.maxPayloadBytes);
}

function bytesOf({ header, payload }: OutgoingPacket): number {
  return payload.length + (header === null ? 0 : header.length);
}
