// SPDX-License-Identifier: MIT
//
// Reading without locks, where the addon that has them can't be loaded: twice, until nothing changed in between.
// Called by pool.ts.

import { VmbusError } from '../../errors.js';
import type { PoolFile } from './pool-file.js';
import type { KvpPoolState } from './types.js';

const mostTries = 20;

/** What `read` answers, from a moment in which the file did not change. @throws VmbusError ERR_VMBUS_BUSY */
export function readSteadily(file: PoolFile, read: () => KvpPoolState): KvpPoolState {
  for (let i = 0; i < mostTries; i++) {
    file.open({ forWriting: false });
    const before = file.stat();
    const state = read();
    const after = file.stat();
    const isSteady = before.mtimeMs === after.mtimeMs && before.size === after.size && state.sizeBytes === after.size;
    if (isSteady) return state;
  }
  throw new VmbusError('ERR_VMBUS_BUSY', `${file.path} changes all the time`, {
    path: file.path,
    hint: 'build the addon, which takes the locks of the file: `node scripts/build-native.mjs`',
  });
}
