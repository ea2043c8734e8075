// SPDX-License-Identifier: MIT
//
// `drain(visitor)`: the reader for hot loops. Nothing is allocated per packet.
// Called by: opened-channel.ts. Calls: inbox.ts, store.ts.

import type { Reading } from './inbox-iterator.js';
import type { PacketVisitor } from './types.js';

/** Drains of one call: it ends also when the host never stops. */
const mostRefills = 16;

/**
 * Shows the visitor what is there, at most `maxPackets`. Answers how many it saw.
 * @throws VmbusError ERR_VMBUS_BUSY; why the channel ended, once everything received before was seen
 */
export function visit(reading: Reading, visitor: PacketVisitor, maxPackets: number): number {
  const { inbox, slot } = reading;
  slot.take(visitor, 'drain()');
  inbox.enter();
  let visited: number;
  try {
    visited = visitAll(reading, visitor, maxPackets);
  } finally {
    inbox.leave();
    slot.release(visitor);
  }
  if (visited === 0 && reading.ending !== null && reading.ending.by !== 'user') throw reading.ending.error;
  return visited;
}

// First what was drained before, then what the ring has.
function visitAll(reading: Reading, visitor: PacketVisitor, maxPackets: number): number {
  const { inbox } = reading;
  let visited = 0;
  let store = inbox.front();
  for (let refills = 0; visited < maxPackets; ) {
    if (store === null) {
      if (refills === mostRefills) break;
      refills += 1;
      store = inbox.refill();
      if (store === null) break;
    }
    const seen = store.visit(visitor, maxPackets - visited, reading);
    if (seen < 0) return visited - seen;
    visited += seen;
    store = refills === 0 ? inbox.front() : null;
  }
  return visited;
}
