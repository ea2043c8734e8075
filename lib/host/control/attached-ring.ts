// SPDX-License-Identifier: MIT
//
// A pair of rings that lies in a guest's memory, attached to a host channel. A shape only.
// Made by: mapped-ring.ts, ring-mirror.ts. Used by: guest-channels.ts.

import type { RingEnd } from '../ring-end.js';

/** What a host channel works on, however far away the memory is. */
export interface AttachedRing {
  readonly end: RingEnd;
  /** The guest may have changed the rings: brings them here, then calls `look`. */
  onSignal(look: () => void): void;
  /** What was sent is in the guest's memory before anything else is said to the guest. Nothing where it is there at once. */
  flush?(): void;
  close(): void;
}

/** Pages of 4096 bytes that hold both rings; the guest writes the first `split`. */
export interface RingPages {
  readonly pages: readonly number[];
  readonly split: number;
}

/** Word 16 of a ring's header, bit 0: its writer says in `pending_send_sz` what it waits for. */
export const featureWord = 16;
export const featurePendingSize = 1;
