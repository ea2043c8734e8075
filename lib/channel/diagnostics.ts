// SPDX-License-Identifier: MIT
//
// What happens on channels, for whoever subscribes with node:diagnostics_channel. Without subscribers it costs one
// property read per drain or send.
// Called by: channel-core.ts (open, close), inbox.ts (received), outbox.ts (sent).

import diagnostics from 'node:diagnostics_channel';
import type { Guid } from '../guid.js';
import type { ChannelName } from './close-reasons.js';
import type { Store } from './store.js';
import { joinId } from './transaction-id.js';
import type { CloseReason } from './types.js';

/** `vmbus:channel:open`: a channel or subchannel was opened or attached. */
export interface ChannelOpenMessage {
  readonly device: Guid;
  readonly relid: number;
  /** Path of the device node. */
  readonly nodePath: string;
}

/** `vmbus:channel:close`: it is closed, whoever closed it. */
export interface ChannelCloseMessage {
  readonly device: Guid;
  readonly relid: number;
  readonly by: CloseReason['by'];
  readonly error: Error | undefined;
}

/** `vmbus:packet:sent`, `vmbus:packet:received`: one packet; completions of requests too. */
export interface PacketMessage {
  readonly device: Guid;
  readonly relid: number;
  readonly type: number;
  /** Bit 0: the sender wants a completion. */
  readonly flags: number;
  readonly transactionId: bigint;
  /** Valid during the call only; copy what is kept. */
  readonly payload: Uint8Array;
}

const opened = diagnostics.channel('vmbus:channel:open');
const closed = diagnostics.channel('vmbus:channel:close');
const sent = diagnostics.channel('vmbus:packet:sent');
const received = diagnostics.channel('vmbus:packet:received');

export function publishOpen(name: ChannelName, nodePath: string): void {
  if (!opened.hasSubscribers) return;
  const message: ChannelOpenMessage = { device: name.device, relid: name.relid, nodePath };
  opened.publish(message);
}

export function publishClose(name: ChannelName, reason: CloseReason): void {
  if (!closed.hasSubscribers) return;
  const { by, error } = reason;
  const message: ChannelCloseMessage = { device: name.device, relid: name.relid, by, error };
  closed.publish(message);
}

/** Whether {@link publishSent} would do anything; asked before a batch. */
export function wantsSent(): boolean {
  return sent.hasSubscribers;
}

/** One packet that was written. */
export function publishSent(
  name: ChannelName,
  type: number,
  flags: number,
  idLow: number,
  idHigh: number,
  payload: Uint8Array,
): void {
  if (!sent.hasSubscribers) return;
  const transactionId = joinId(idLow, idHigh);
  const message: PacketMessage = { device: name.device, relid: name.relid, type, flags, transactionId, payload };
  sent.publish(message);
}

/** Whether {@link publishReceived} would do anything. */
export function wantsReceived(): boolean {
  return received.hasSubscribers;
}

/** All packets of a drain. */
export function publishReceived(name: ChannelName, store: Store, count: number): void {
  if (!received.hasSubscribers) return;
  for (let row = 0; row < count; row++) {
    const offset = store.offset(row);
    const message: PacketMessage = {
      device: name.device,
      relid: name.relid,
      type: store.type(row),
      flags: store.flags(row),
      transactionId: joinId(store.idLow(row), store.idHigh(row)),
      payload: store.arena.subarray(offset, offset + store.length(row)),
    };
    received.publish(message);
  }
}
