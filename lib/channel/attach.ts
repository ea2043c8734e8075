// SPDX-License-Identifier: MIT
//
// `attachChannel()`: a channel, in a worker thread, on a device that another thread of the process has opened.
// Called by: scripts. Calls: lease-registry.ts, channel-core.ts; share.ts is the other side.

import { invalidType } from '../errors.js';
import { isGuid } from '../guid.js';
import { checkAttachOptions } from './arguments.js';
import { ChannelCore } from './channel-core.js';
import { Claim } from './claim.js';
import { busyError, reasonOfStatus } from './close-reasons.js';
import { isMonitorId, isRelid } from './device-place.js';
import type { Lease } from './lease.js';
import { type LeaseRegistry, leases } from './lease-registry.js';
import { defaultSizes } from './open.js';
import { OpenedChannel } from './opened-channel.js';
import { attachError } from './subchannel.js';
import type { AttachChannelOptions, Channel, ChannelShare } from './types.js';
import { callSite } from './unclosed.js';

/**
 * Makes a channel of what `channel.share()` gave another thread. It ends when the other thread closes the device or takes
 * the channel back. A share works once.
 *
 * @example
 * // main thread: worker.postMessage(channel.share())
 * parentPort.once('message', async (share) => {
 *   await using channel = await attachChannel(share);
 *   for await (const packet of channel) handle(packet);
 * });
 *
 * @throws VmbusError ERR_VMBUS_BUSY (used or taken back), ERR_VMBUS_CLOSED (the device was closed)
 * @category Channels
 */
export async function attachChannel(share: ChannelShare, options: AttachChannelOptions = {}): Promise<Channel> {
  checkShare(share);
  checkAttachOptions(options);
  const openedAt = callSite(attachChannel);
  return new OpenedChannel(await attachShare(leases(), share, options), { parent: null, openedAt });
}

/** The same without the face, on a registry of the caller's. Not for scripts. @throws see {@link attachChannel} */
export async function attachShare(
  registry: LeaseRegistry,
  share: ChannelShare,
  options: AttachChannelOptions,
): Promise<ChannelCore> {
  const claim = new Claim(share.claim);
  if (!claim.take(share.ticket)) {
    throw busyError(
      share,
      'this share was used or taken back',
      'call channel.share() again where the device was opened',
    );
  }
  try {
    return coreOn(await registry.attach(share, share.nodePath, share.token), share, claim, options);
  } catch (error) {
    claim.giveBack(share.ticket);
    throw error;
  }
}

function coreOn(lease: Lease, share: ChannelShare, claim: Claim, options: AttachChannelOptions): ChannelCore {
  const { device, relid, ringFile, monitorId, isPolled, ticket } = share;
  const handle = handleOf(lease, share);
  if (isPolled) lease.binding.setArming(handle, false);
  return new ChannelCore({
    ...defaultSizes,
    ...options,
    device,
    relid,
    ringFile,
    monitorId,
    lease,
    handle,
    isPolled,
    claim,
    ticket,
  });
}

function handleOf(lease: Lease, share: ChannelShare): number {
  const { binding } = lease;
  const { ringFile, relid, monitorId } = share;
  const handle =
    ringFile === null
      ? binding.attachPrimary(lease.handle)
      : binding.attachSubchannel(lease.handle, ringFile, relid, monitorId ?? -1);
  if (handle > 0) return handle;
  if (lease.members.length === 0) void lease.close();
  if (ringFile !== null) throw attachError(share, { ringFile, monitorId }, handle);
  throw reasonOfStatus(share, binding, 0, handle).error;
}

/** @throws TypeError ERR_INVALID_ARG_TYPE */
export function checkShare(share: unknown): asserts share is ChannelShare {
  if (typeof share === 'object' && share !== null) {
    const { token, claim, ticket, device, relid, ringFile, monitorId, nodePath, isPolled } =
      share as Partial<ChannelShare>;
    const isWhole = [token, ticket].every((n) => Number.isSafeInteger(n) && Number(n) >= 0) && isRelid(relid);
    const isSignalled = monitorId === null || isMonitorId(monitorId);
    const isNamed =
      typeof nodePath === 'string' && (ringFile === null || typeof ringFile === 'string') && isGuid(device);
    const isClaimed = claim instanceof SharedArrayBuffer && claim.byteLength >= 4 && typeof isPolled === 'boolean';
    if (isWhole && isSignalled && isNamed && isClaimed) return;
  }
  throw invalidType('share', 'what channel.share() gave', share);
}
