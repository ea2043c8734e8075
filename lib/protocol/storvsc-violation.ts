// SPDX-License-Identifier: MIT
//
// The error for a packet that breaks the storage protocol.
// Called by: storvsc-packet.ts, storvsc-srb.ts, the storage devices of the simulated host.

import { VmbusError } from '../errors.js';

/** An error with the code ERR_VMBUS_PROTOCOL. */
export function storageViolation(detail: string, facts: Readonly<Record<string, unknown>> = {}): VmbusError {
  return new VmbusError('ERR_VMBUS_PROTOCOL', `storage: ${detail}`, {
    facts: { service: 'storage', detail, ...facts },
  });
}
