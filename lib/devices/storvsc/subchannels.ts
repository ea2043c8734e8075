// SPDX-License-Identifier: MIT
//
// More channels for a controller: asks the host for them, waits until they are offered, opens them.
// Called by: storvsc.ts. Offers that nobody asked for are left alone.

import type { ChannelCore } from '../../channel/channel-core.js';
import { placeOf } from '../../channel/share.js';
import { waitForOffers } from '../../channel/subchannel-offers.js';
import type { Channel } from '../../channel/types.js';
import { VmbusError } from '../../errors.js';
import { NtStatus, type VstorReply, type VstorRequest } from '../../protocol/storvsc.js';

/** What is wanted. */
export interface SubchannelPlan {
  readonly count: number;
  readonly timeoutMs: number;
  readonly force: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Opens those that are offered in time: a controller works with fewer than it granted, only slower.
 * @throws VmbusError ERR_VMBUS_UNSUPPORTED on kernels that crash with them, before the host is asked, and where the host refuses;
 * what opening throws; the signal's reason
 */
export async function openSubchannels(
  primary: Channel,
  core: ChannelCore,
  ask: (request: VstorRequest) => Promise<VstorReply>,
  { count, timeoutMs, force, signal }: SubchannelPlan,
): Promise<Channel[]> {
  if (count === 0) return [];
  const place = placeOf(core, 'openStorage');
  if (!core.lease.isSimulated && !force) place.checkHazards('subchannel', primary.device);
  const { status } = await ask({ kind: 'createSubchannels', count });
  if (status !== NtStatus.success)
    throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `the host refused ${count} subchannels (0x${status.toString(16)})`, {
      device: primary.device,
      facts: { feature: 'subchannels', count, status },
      hint: 'open the controller with { channels: 1 }',
    });
  const relids = await waitForOffers(core, place, count, { signal, timeoutMs });
  const opened: Channel[] = [];
  for (const [, relid] of [...relids].toSorted(([a], [b]) => a - b))
    opened.push(await primary.openSubchannel(relid, { timeoutMs, force, ...(signal ? { signal } : {}) }));
  return opened;
}
