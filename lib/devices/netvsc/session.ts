// SPDX-License-Identifier: MIT
//
// The beginning and the end of a card's session, step by step.
// Called by: nic.ts. Calls: bring-up.ts, scaling.ts, control.ts.

import type { ChannelCore } from '../../channel/channel-core.js';
import { FrameInspect } from '../../native/frame-functions.js';
import { protocolViolation } from '../../protocol/message-fields.js';
import { receiveBufferId } from '../../protocol/nvsp.js';
import { Oid, PacketFilter } from '../../protocol/rndis.js';
import type { NicSettings } from './arguments.js';
import { agreeOnBuffers, type BufferTerms, learnFacts, type NicFacts } from './bring-up.js';
import type { NicControl } from './control.js';
import type { NicQueue } from './queue.js';
import { grantedRelids, openQueueChannel, requestQueues, spreadFlows } from './scaling.js';

const normalFilter = PacketFilter.directed | PacketFilter.allMulticast | PacketFilter.broadcast;
/** Messages that are looked for in one piece of the receive buffer; what is behind the first may be old. */
const messagesPerPiece = 1;
const lookEveryMs = 5;
const patienceMs = 500;

/** What came of the beginning. */
export interface Begun {
  readonly terms: BufferTerms;
  readonly facts: NicFacts;
  /** Channels in all. */
  readonly granted: number;
  /** Of the subchannels, by the index of their queue. */
  readonly relids: ReadonlyMap<number, number>;
}

/** @throws VmbusError */
export async function startUp(
  primary: ChannelCore,
  control: NicControl,
  settings: NicSettings,
  addQueue: (core: ChannelCore, index: number) => NicQueue,
): Promise<Begun> {
  const { lease } = primary;
  const { buffers } = lease;
  if (buffers === null) throw protocolViolation('nvsp', 'the card was opened without its buffers');
  const terms = await agreeOnBuffers(control, buffers, settings.mtu);
  const status = lease.binding.agreeFrames(
    lease.handle,
    terms.pieceBytes,
    terms.pieces,
    terms.sectionBytes,
    messagesPerPiece,
  );
  if (status !== 0) throw protocolViolation('nvsp', `buffers that cannot be used (${status})`);
  const facts = await learnFacts(control, settings.mtu);
  const { granted, entries } = await requestQueues(control, settings.queues);
  const limits = { signal: settings.signal, timeoutMs: settings.handshakeTimeoutMs };
  const relids = await grantedRelids(primary, granted, limits);
  for (let index = 1; index < Math.min(granted, settings.localQueues); index += 1) {
    const relid = relids.get(index) ?? 0;
    addQueue(await openQueueChannel(primary, relid, limits), index).pump();
  }
  await spreadFlows(control, granted, entries);
  await control.set(Oid.packetFilter, filterBytes(settings.promiscuous ? PacketFilter.promiscuous : normalFilter));
  return { terms, facts, granted, relids };
}

/** Stops the frames, waits for what is under way, takes the buffers back. Whatever fails, the channel is closed after it. */
export async function shutDown(control: NicControl, queues: readonly NicQueue[]): Promise<void> {
  try {
    await control.set(Oid.packetFilter, filterBytes(0));
    control.halt();
    await settled(queues);
    await control.tell({ kind: 'revokeReceiveBuffer', bufferId: receiveBufferId });
    await control.tell({ kind: 'revokeSendBuffer', bufferId: 0 });
  } catch {
    // The host is gone or does not answer: closing the channel ends it all the same.
  }
}

/** Resolves when the host has nothing of ours any more, or after a while. */
async function settled(queues: readonly NicQueue[]): Promise<void> {
  const deadline = performance.now() + patienceMs;
  const isBusy = (queue: NicQueue): boolean => {
    queue.pump();
    const words = queue.words();
    return (words[FrameInspect.sectionsHeld] ?? 0) > 0 || (words[FrameInspect.owed] ?? 0) > 0;
  };
  while (queues.some(isBusy) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

function filterBytes(filter: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(filter).buffer);
}
