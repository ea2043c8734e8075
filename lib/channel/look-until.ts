// SPDX-License-Identifier: MIT
//
// Waits for what no event tells of: looks for it at growing intervals, as long as the channel that it belongs to is open.
// Called by: subchannel.ts, subchannel-offers.ts.

import { setTimeout as pause } from 'node:timers/promises';
import type { Patience } from '../limit.js';
import type { ChannelCore } from './channel-core.js';

const longestPauseMs = 50;

/** What `look` finds, or null when the time is over. @throws the signal's reason; why the channel ended */
export async function lookUntil<T>(
  owner: Pick<ChannelCore, 'checkOpen'>,
  { signal, timeoutMs }: Patience & { readonly timeoutMs: number },
  look: () => T | null,
): Promise<T | null> {
  const deadline = performance.now() + timeoutMs;
  for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    signal?.throwIfAborted();
    const found = look();
    if (found !== null) return found;
    const left = deadline - performance.now();
    if (left <= 0) return null;
    await pause(Math.min(pauseMs, left), undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted());
    owner.checkOpen();
  }
}
