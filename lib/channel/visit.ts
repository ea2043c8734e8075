// SPDX-License-Identifier: MIT
//
// `drain(visitor)`: the reader for hot loops. Nothing is allocated per packet.
// Called by: opened-channel.ts. Calls: inbox.ts.

import { ROW_WORDS, Row } from '../native/binding.js';
import type { Reading } from './inbox-iterator.js';
import type { Store } from './store.js';
import type { PacketVisitor } from './types.js';

// Constants of this module: in another module's object they would be looked up for every packet.
const { type, flags, offset, length, idLow, idHigh } = Row;
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
  let visited = 0;
  try {
    for (let refills = 0; visited < maxPackets; ) {
      const store = inbox.front();
      if (store === null) {
        if (refills === mostRefills || !inbox.refill()) break;
        refills += 1;
        continue;
      }
      const seen = visitStore(reading, store, visitor, maxPackets - visited);
      visited += Math.abs(seen);
      if (seen < 0) return visited;
    }
  } finally {
    inbox.leave();
    slot.release(visitor);
  }
  if (visited === 0 && reading.ending !== null && reading.ending.by !== 'user') throw reading.ending.error;
  return visited;
}

// How many the visitor saw; negative when it had enough, or closed the channel.
function visitStore(reading: Reading, store: Store, visitor: PacketVisitor, most: number): number {
  const { arena, rows } = store;
  const first = store.position;
  const end = Math.min(store.count, first + most);
  for (let next = first; next < end; next++) {
    const row = next * ROW_WORDS;
    store.position = next + 1;
    const answer = visitor(
      arena,
      rows[row + offset] as number,
      rows[row + length] as number,
      rows[row + type] as number,
      rows[row + idLow] as number,
      rows[row + idHigh] as number,
      rows[row + flags] as number,
    );
    if (answer === false || reading.ending !== null) return first - next - 1;
  }
  return end - first;
}
