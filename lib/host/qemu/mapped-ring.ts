// SPDX-License-Identifier: MIT
//
// Rings in a guest's memory that this process has mapped: the addon works on them in place, and only signals go elsewhere.
// Made by: qemu-host.ts.

import { errnoName, VmbusError } from '../../errors.js';
import type { Binding } from '../../native/binding.js';
import { type AttachedRing, featurePendingSize, featureWord, type RingPages } from '../control/attached-ring.js';
import { NativeRingEnd } from '../ring-end.js';

/**
 * Attaches to rings.
 * @param memory Handle of `openGuestMemory`.
 * @param signal Interrupts the guest.
 * @throws VmbusError ERR_VMBUS_CORRUPT when the guest's pages cannot be rings
 */
export function attachMapped(
  binding: Binding,
  memory: number,
  { pages, split }: RingPages,
  signal: () => void,
): AttachedRing {
  const channel = binding.attachPages(memory, Float64Array.from(pages), split);
  if (channel < 0) {
    throw new VmbusError('ERR_VMBUS_CORRUPT', `rings cannot be in ${pages.length} pages, split at ${split}`, {
      errno: -channel,
      errnoName: errnoName(-channel),
    });
  }
  const end = new NativeRingEnd(binding, channel, {
    wake: signal,
    touched() {
      if (binding.takeSignals(channel) > 0) signal();
    },
  });
  end.pokeHeader(1, featureWord, featurePendingSize);
  return { end, onSignal: (look) => look(), close: () => end.close() };
}
