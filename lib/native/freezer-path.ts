// SPDX-License-Identifier: MIT
//
// Where the program is that holds file systems frozen: native/freezer.
// Called by: lib/services/backup.

import { programPath } from './program-path.js';

/** @throws VmbusError ERR_VMBUS_NATIVE_LOAD where there is none that can be run */
export function freezerPath(): string {
  return programPath('vmbus-freezer', 'holds file systems frozen');
}
