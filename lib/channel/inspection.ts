// SPDX-License-Identifier: MIT
//
// Counters and the plain picture of a channel, and how it looks on a console.
// Called by: opened-channel.ts. Calls: native/binding inspectChannel, inspectLease.

import { type InspectOptions, inspect } from 'node:util';
import { Inspect, LeaseInspect } from '../native/binding.js';
import type { ChannelCore } from './channel-core.js';
import type { ChannelInspection, ChannelStats, RingInspection } from './types.js';

export function statsOf(core: ChannelCore): ChannelStats {
  const words = core.words();
  const at = (position: number): number => words[position] ?? 0;
  return {
    packetsIn: at(Inspect.packetsIn),
    bytesIn: at(Inspect.bytesIn),
    packetsOut: at(Inspect.packetsOut),
    bytesOut: at(Inspect.bytesOut),
    wakes: core.lease.wakes,
    doorbells: at(Inspect.doorbells),
    ringFull: at(Inspect.fulls),
    pendingRequests: core.requests.size,
    queuedSends: core.outbox.queued,
    unreadPackets: core.inbox.unread,
    unexpectedCompletions: core.requests.unexpected,
  };
}

export function inspectionOf(core: ChannelCore): ChannelInspection {
  const words = core.words();
  const { nodePath, facts } = core.lease;
  const dataBytes = words[Inspect.dataBytes] ?? 0;
  return {
    device: core.device,
    relid: core.relid,
    state: stateOf(core),
    node: {
      path: nodePath,
      kind: facts[LeaseInspect.kind] === 1 ? 'simulated' : 'uio',
      maskAtOpen: facts[LeaseInspect.maskAtOpen] ?? 0,
    },
    signalling: core.plan.monitorId === null ? 'hypercall' : 'monitor',
    wakes: core.isPolled ? 'poll' : 'interrupt',
    in: ringOf(words, Inspect.inWrite, dataBytes),
    out: ringOf(words, Inspect.outWrite, dataBytes),
    stats: statsOf(core),
  };
}

function stateOf(core: ChannelCore): ChannelInspection['state'] {
  if (core.isClosed) return 'closed';
  return core.ending === null ? 'open' : 'closing';
}

function ringOf(words: Float64Array, first: number, dataBytes: number): RingInspection {
  const at = (position: number): number => words[first + position] ?? 0;
  const [writeIndex, readIndex] = [at(0), at(1)];
  return {
    dataBytes,
    writeIndex,
    readIndex,
    interruptMask: at(2),
    pendingSendBytes: at(3),
    featureBits: at(4),
    // The indices are the host's word: a broken one makes no nonsense here.
    usedBytes: dataBytes === 0 ? 0 : (((writeIndex - readIndex) % dataBytes) + dataBytes) % dataBytes,
  };
}

/** `Channel { device: …, relid: 14, state: 'open', in: '0 of 2093056 bytes', … }` */
export function textOf(inspection: ChannelInspection, options: InspectOptions): string {
  const { device, relid, state, node, stats } = inspection;
  const { packetsIn, packetsOut, pendingRequests } = stats;
  const fill = ({ usedBytes, dataBytes }: RingInspection): string => `${usedBytes} of ${dataBytes} bytes`;
  const rings = { in: fill(inspection.in), out: fill(inspection.out) };
  const short = { device, relid, state, node: node.path, ...rings, packetsIn, packetsOut, pendingRequests };
  return `Channel ${inspect(short, options)}`;
}
