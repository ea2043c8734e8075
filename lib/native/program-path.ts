// SPDX-License-Identifier: MIT
//
// Where a program of ours is, built and shipped beside the addon.
// Called by: freezer-path.ts, keeper-path.ts.

import { accessSync, constants, existsSync } from 'node:fs';
import { VmbusError } from '../errors.js';
import { programPlaces } from './load.js';

/** @throws VmbusError ERR_VMBUS_NATIVE_LOAD where there is none that can be run */
export function programPath(name: 'vmbus-freezer' | 'vmbus-keeper', purpose: string): string {
  const places = programPlaces(name);
  const runnable = places.find(isRunnable);
  if (runnable !== undefined) return runnable;
  const there = places.find((path) => existsSync(path));
  throw new VmbusError(
    'ERR_VMBUS_NATIVE_LOAD',
    there === undefined
      ? `${name}, which ${purpose}, is not there: ${places.join(', ')}`
      : `${there}, which ${purpose}, may not be executed`,
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
