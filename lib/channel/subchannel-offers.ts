// SPDX-License-Identifier: MIT
//
// Subchannels that a device's own protocol asked the host for: waits until they are offered. They are told apart by the index
// that the host gives them, because others may be there, such as those of somebody who had the device before.
// Called by: devices/storvsc/subchannels.ts, devices/netvsc/scaling.ts. Calls: device-place.ts.

import type { Patience } from '../limit.js';
import type { ChannelCore } from './channel-core.js';
import type { DevicePlace } from './device-place.js';
import { lookUntil } from './look-until.js';

/**
 * Relids of the subchannels 1 … count, by their index: all of them, or those that were offered when the time was over.
 * @throws the signal's reason; why the channel ended
 */
export async function waitForOffers(
  primary: Pick<ChannelCore, 'checkOpen'>,
  place: Pick<DevicePlace, 'relids' | 'subchannelIndex'>,
  count: number,
  patience: Patience & { readonly timeoutMs: number },
): Promise<ReadonlyMap<number, number>> {
  const all = await lookUntil(primary, patience, () => {
    const relids = offered(place, count);
    return relids.size === count ? relids : null;
  });
  return all ?? offered(place, count);
}

function offered(place: Pick<DevicePlace, 'relids' | 'subchannelIndex'>, count: number): Map<number, number> {
  const relids = new Map<number, number>();
  for (const relid of place.relids()) {
    const index = place.subchannelIndex(relid);
    if (index !== null && index >= 1 && index <= count) relids.set(index, relid);
  }
  return relids;
}
