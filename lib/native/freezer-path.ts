// SPDX-License-Identifier: MIT
//
// Where the program is that holds file systems frozen: native/freezer, built and shipped beside the addon.
// Called by: lib/services/backup.

import { accessSync, constants, existsSync } from 'node:fs';
import { VmbusError } from '../errors.js';
import { freezerPlaces } from './load.js';

/** @throws VmbusError ERR_VMBUS_NATIVE_LOAD where there is none that can be run */
export function freezerPath(): string {
  const places = freezerPlaces();
  const runnable = places.find(isRunnable);
  if (runnable !== undefined) return runnable;
  const there = places.find((path) => existsSync(path));
  throw new VmbusError(
    'ERR_VMBUS_NATIVE_LOAD',
    there === undefined
      ? `vmbus-freezer, which holds file systems frozen, is not there: ${places.join(', ')}`
      : `${there}, which holds file systems frozen, may not be executed`,
    {
      path: there ?? places[0] ?? '',
      hint:
        there === undefined
          ? 'build it: node scripts/build-native.mjs in the folder of the package'
          : `chmod +x ${there}`,
      facts: { tried: places },
    },
  );
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
