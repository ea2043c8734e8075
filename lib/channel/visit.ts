// SPDX-License-Identifier: MIT
//
// `drain(visitor)`: the reader for hot loops. Nothing is allocated per packet.
// Called by: opened-channel.ts. Calls: inbox.ts.

import type { ROW_WORDS, Row } from '../native/binding.js';
import type { Reading } from './inbox-iterator.js';
import type { Store } from './store.js';
import type { PacketVisitor } from './types.js';

// As numbers of this module the compiler knows them; those of another one it looks up for every packet.
const rowWords = 6 satisfies typeof ROW_WORDS;
const type = 0 satisfies typeof Row.type;
const flags = 1 satisfies typeof Row.flags;
const offset = 2 satisfies typeof Row.offset;
const length = 3 satisfies typeof Row.length;
const idLow = 4 satisfies typeof Row.idLow;
const idHigh = 5 satisfies typeof Row.idHigh;
/** Drains of one call: it ends also when the host never stops. */
const mostRefills = 16;
/** More rows than any store has. */
const rowLimit = 2 ** 20 - 1;

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
    const seen = visitStore(reading, store, visitor, maxPackets - visited);
    if (seen < 0) return visited - seen;
    visited += seen;
    store = refills === 0 ? inbox.front() : null;
  }
  return visited;
}

// How many the visitor saw; negative when it had enough, or closed the channel.
function visitStore(reading: Reading, store: Store, visitor: PacketVisitor, most: number): number {
  const { arena, rows } = store;
  // Masked, so that the compiler sees how large they are and checks no addition below.
  const first = store.position & rowLimit;
  const end = Math.min(store.count, first + most) & rowLimit;
  for (let next = first; next < end; next++) {
    const row = next * rowWords;
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
