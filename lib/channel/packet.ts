// SPDX-License-Identifier: MIT
//
// Makes the packet objects that scripts get, from the rows of a drain.
// Called by: packet-batch.ts, packet-iterator.ts, request-table.ts.

import { Row } from '../native/binding.js';
import { copyOf } from './slab.js';
import type { Store } from './store.js';
import { joinId } from './transaction-id.js';
import type { Packet } from './types.js';

/** Bit 0 of the descriptor's flags: the sender wants a completion. */
export const WANTS_COMPLETION = 1;

/** The packet of a row, with copies of its bytes. */
export function packetAt(store: Store, row: number): Packet {
  const offset = store.word(row, Row.offset);
  const headerBytes = store.headerBytes(row);
  return {
    type: store.word(row, Row.type),
    payload: copyOf(store.arena, offset, store.word(row, Row.length)),
    transactionId: joinId(store.word(row, Row.idLow), store.word(row, Row.idHigh)),
    wantsCompletion: (store.word(row, Row.flags) & WANTS_COMPLETION) !== 0,
    header: copyOf(store.arena, offset - headerBytes, headerBytes),
  };
}
