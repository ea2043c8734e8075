// SPDX-License-Identifier: MIT
//
// More channels for a controller: asks the host for them, waits until they are offered, opens them.
// Called by: storvsc.ts. Offers that nobody asked for are left alone.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelCore } from '../../channel/channel-core.js';
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

const longestPauseMs = 50;

/** @throws VmbusError ERR_VMBUS_UNSUPPORTED on kernels that crash with them, before the host is asked; what opening throws */
export async function openSubchannels(
  primary: Channel,
  core: ChannelCore,
  ask: (request: VstorRequest) => Promise<VstorReply>,
  { count, timeoutMs, force, signal }: SubchannelPlan,
): Promise<Channel[]> {
  if (count === 0) return [];
  const { place, isSimulated } = core.lease;
  if (!isSimulated && !force) place?.checkHazards('subchannel', primary.device);
  const others = (): number[] => (place?.relids() ?? []).filter((relid) => relid !== primary.relid);
  const { status } = await ask({ kind: 'createSubchannels', count });
  if (status !== NtStatus.success)
    throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `the host refused ${count} subchannels (0x${status.toString(16)})`, {
      device: primary.device,
      facts: { feature: 'subchannels', count, status },
      hint: 'open the controller with { channels: 1 }',
    });
  const deadline = performance.now() + timeoutMs;
  for (let pauseMs = 2; others().length < count && performance.now() < deadline; ) {
    await sleep(pauseMs, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted());
    core.checkOpen();
    pauseMs = Math.min(2 * pauseMs, longestPauseMs);
  }
  const opened: Channel[] = [];
  for (const relid of others().slice(0, count))
    opened.push(await primary.openSubchannel(relid, { timeoutMs, force, ...(signal ? { signal } : {}) }));
  return opened;
}
