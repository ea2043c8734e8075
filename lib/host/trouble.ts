// SPDX-License-Identifier: MIT
//
// What becomes of a trouble that nobody listens to.
// Called by: simulated-host.ts, process-host.ts.

import { VmbusError, type VmbusErrorCode } from '../errors.js';
import type { HostTrouble } from './types.js';

/** Codes of what only a guest can cause: no reason to end a script that plays the host. */
const guestMistakes: readonly VmbusErrorCode[] = ['ERR_VMBUS_CORRUPT', 'ERR_VMBUS_PROTOCOL'];

/** A warning of the process for what a guest did; what a provider threw is thrown, uncaught. */
export function tellTroubleAnyway({ error }: HostTrouble): void {
  if (VmbusError.is(error) && guestMistakes.includes(error.code)) {
    process.emitWarning(error);
    return;
  }
  queueMicrotask(() => {
    throw error;
  });
}
