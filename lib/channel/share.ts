// SPDX-License-Identifier: MIT
//
// Lends a channel to another thread, and takes it back.
// Called by: opened-channel.ts; attach.ts is the other side. Calls: claim.ts.

import { VmbusError } from '../errors.js';
import { ChannelCore } from './channel-core.js';
import { busyError, nameOf } from './close-reasons.js';
import type { DevicePlace } from './device-place.js';
import type { ChannelShare } from './types.js';

/** @throws VmbusError ERR_VMBUS_BUSY, ERR_VMBUS_NO_CHANNEL, ERR_VMBUS_UNSUPPORTED */
export function shareChannel(core: ChannelCore, relid: number): ChannelShare {
  const place = placeOf(core, 'share');
  const { lease, device } = core;
  const open = lease.members.find((member) => member.relid === relid);
  if (open instanceof ChannelCore) checkIdle(open);
  const { ringFile, monitorId, isPolled } =
    open instanceof ChannelCore ? open.plan : closedSubchannel(core, place, relid);
  const claim = lease.claim(relid);
  const ticket = claim.offer();
  if (ticket === null) {
    throw busyError(
      { device, relid },
      'another thread has it',
      'close it there, or take it back with channel.reclaim()',
    );
  }
  const token = lease.binding.leaseToken(lease.handle);
  return { token, claim: claim.memory, ticket, device, relid, ringFile, monitorId, nodePath: lease.nodePath, isPolled };
}

/** Takes it back from whoever has it. */
export function reclaimChannel(core: ChannelCore, relid: number): void {
  placeOf(core, 'reclaim');
  core.lease.claim(relid).reclaim();
}

/** Where the device stands; only the thread that opened it knows. @throws VmbusError ERR_VMBUS_UNSUPPORTED */
export function placeOf(core: ChannelCore, method: string): DevicePlace {
  const { place } = core.lease;
  if (place !== null) return place;
  throw new VmbusError('ERR_VMBUS_UNSUPPORTED', `${method}() works only in the thread that opened the device`, {
    device: core.device,
    channel: core.relid,
    facts: { feature: `${method}() in a thread that attached` },
    hint: 'call it there, and post the share to this thread',
  });
}

// What is left here would be lost, or come out of order.
function checkIdle(core: ChannelCore): void {
  const left = [
    [core.slot.isTaken, 'a reader'],
    [core.inbox.unread > 0, `${core.inbox.unread} packets that were not read`],
    [core.outbox.queued > 0, `${core.outbox.queued} sends that wait for space`],
    [core.requests.size > 0, `${core.requests.size} requests that wait`],
  ] as const;
  const found = left.find(([isLeft]) => isLeft);
  if (found) throw busyError(core, `it has ${found[1]} in this thread`, 'finish that before you share it');
}

function closedSubchannel(core: ChannelCore, place: DevicePlace, relid: number): SharedFiles {
  const files = place.subchannel(relid);
  const name = { device: core.device, relid };
  if (files !== null) {
    if (!core.lease.isSimulated) place.checkSignalled(name, files);
    return { ...files, isPolled: !core.lease.isSimulated && place.arePolled() };
  }
  throw new VmbusError('ERR_VMBUS_NO_CHANNEL', `There is no open ${nameOf(name)} to share`, {
    device: core.device,
    channel: relid,
    hint: `hv channels ${core.device}; a subchannel can be shared once it has a ring file`,
  });
}

interface SharedFiles {
  readonly ringFile: string | null;
  readonly monitorId: number | null;
  readonly isPolled: boolean;
}
