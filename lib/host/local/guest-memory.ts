// SPDX-License-Identifier: MIT
//
// Guest memory where there is no guest: the rings are all that a process on the served folder shares with its host.
// Used by: device-channels.ts.

import { VmbusError } from '../../errors.js';
import type { GuestMemory } from '../types.js';

/** Has no pages and no buffers. */
export const noGuestMemory: GuestMemory = Object.freeze({
  read: () => Promise.reject(nowhere()),
  write: () => Promise.reject(nowhere()),
  buffer: () => null,
});

function nowhere(): VmbusError {
  return new VmbusError('ERR_VMBUS_CORRUPT', 'the guest named memory that it does not share with a simulated host', {
    hint: 'a served folder shares rings alone; devices that take page numbers need a guest with a kernel',
  });
}
