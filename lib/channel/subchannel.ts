// SPDX-License-Identifier: MIT
//
// `openSubchannel()`: waits until the kernel has opened a subchannel that the host offered, and attaches it.
// Called by: opened-channel.ts, devices/netvsc. Calls: device-place.ts, look-until.ts, native/binding attachSubchannel.

import { errnoName, invalidValue, VmbusError } from '../errors.js';
import { Status } from '../native/binding.js';
import { ChannelCore } from './channel-core.js';
import { busyError, type ChannelName, closedError, nameOf, rescindedError } from './close-reasons.js';
import type { DevicePlace, SubchannelFiles } from './device-place.js';
import { lookUntil } from './look-until.js';
import { placeOf } from './share.js';
import type { OpenSubchannelOptions } from './types.js';

const defaultTimeoutMs = 10_000;

/** @throws see Channel.openSubchannel */
export async function openSubchannel(
  parent: ChannelCore,
  relid: number,
  options: OpenSubchannelOptions,
): Promise<ChannelCore> {
  options.signal?.throwIfAborted();
  const place = placeOf(parent, 'openSubchannel');
  const name: ChannelName = { device: parent.device, relid };
  if (place.isPrimary(relid))
    throw invalidValue('relid', 'must be that of a subchannel, not of the primary channel', relid);
  checkFree(parent, name);
  const isReal = !parent.lease.isSimulated;
  if (isReal && options.force !== true) place.checkHazards('subchannel', name.device);
  const files = await waitForRing(parent, place, name, options);
  checkFree(parent, name);
  if (isReal && options.force !== true) place.checkSignalled(name, files);
  return attach(parent, name, files, isReal && place.arePolled());
}

function checkFree(parent: ChannelCore, name: ChannelName): void {
  parent.checkOpen();
  if (parent.lease.members.some((member) => member.relid === name.relid)) {
    throw busyError(name, 'this thread has it open', 'use that channel, or close it first');
  }
  if (parent.lease.claim(name.relid).isHome) return;
  throw busyError(name, 'it was shared with another thread', 'close it there, or take it back with channel.reclaim()');
}

async function waitForRing(
  parent: ChannelCore,
  place: DevicePlace,
  name: ChannelName,
  { signal, timeoutMs = defaultTimeoutMs }: OpenSubchannelOptions,
): Promise<SubchannelFiles> {
  const files = await lookUntil(parent, { signal, timeoutMs }, () => place.subchannel(name.relid));
  if (files === null) throw lateError(place, name, timeoutMs);
  return files;
}

function lateError(place: DevicePlace, name: ChannelName, timeoutMs: number): VmbusError {
  const relids = place.relids();
  const details = { device: name.device, channel: name.relid, facts: { timeoutMs, relids } };
  if (relids.includes(name.relid)) {
    const text = `The kernel has not opened ${nameOf(name)} after ${timeoutMs} ms: it has no ring file`;
    return new VmbusError('ERR_VMBUS_TIMEOUT', text, { ...details, hint: 'dmesg | grep -e uio_hv_generic -e vmbus' });
  }
  const text = `The host offers no ${nameOf(name)}; there are ${relids.join(', ') || 'none'}`;
  return new VmbusError('ERR_VMBUS_NO_CHANNEL', text, {
    ...details,
    hint: `hv channels ${name.device}; the device's own protocol asks the host for subchannels`,
  });
}

function attach(parent: ChannelCore, name: ChannelName, files: SubchannelFiles, isPolled: boolean): ChannelCore {
  const { lease } = parent;
  const handle = lease.binding.attachSubchannel(lease.handle, files.ringFile, name.relid, files.monitorId ?? -1);
  if (handle <= 0) throw attachError(name, files, handle);
  if (isPolled) lease.binding.setArming(handle, false);
  const { arenaBytes, batchPackets, busyPollUs } = parent.plan;
  const claim = lease.claim(name.relid);
  const sizes = { arenaBytes, batchPackets, busyPollUs };
  return new ChannelCore({ ...name, ...sizes, ...files, lease, handle, isPolled, claim, ticket: null });
}

/** Why a subchannel's ring could not be attached: a status, or a negative errno. */
export function attachError(name: ChannelName, files: SubchannelFiles, result: number): VmbusError {
  if (result === Status.closed || result === 0) return closedError(name, 'owner');
  if (result === Status.rescinded) return rescindedError(name);
  const errno = errnoName(-result);
  const broken = errno === 'EPROTO';
  const text = broken ? 'its ring file holds no rings' : errno;
  return new VmbusError(broken ? 'ERR_VMBUS_CORRUPT' : 'ERR_VMBUS_SYSTEM', `Can't attach ${nameOf(name)}: ${text}`, {
    device: name.device,
    channel: name.relid,
    path: files.ringFile,
    syscall: 'mmap',
    errno: -result,
    errnoName: errno,
    hint: 'hv doctor',
  });
}
