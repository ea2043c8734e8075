// SPDX-License-Identifier: MIT
//
// Where the program is that keeps a device open until its memory may go: native/keeper.
// Called by: lib/devices/dma.

import { programPath } from './program-path.js';

/** @throws VmbusError ERR_VMBUS_NATIVE_LOAD where there is none that can be run */
export function keeperPath(): string {
  return programPath('vmbus-keeper', 'closes the device before its memory is freed');
}
