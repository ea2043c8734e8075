// SPDX-License-Identifier: MIT
//
// The synthetic network card from the guest's side: opens it, talks it up, hands its frames to a script.
// The device must be bound to uio_hv_generic; its buffers are the kernel's, mapped and never seen by JavaScript.
// Calls channel/ for the channel, netvsc/* for the parts, protocol/nvsp and protocol/rndis for bytes.
// Source of the facts: drivers/net/hyperv of the Linux kernel.

import type { Device } from '../bus/types.js';
import { leases } from '../channel/lease-registry.js';
import { openPrimary } from '../channel/open.js';
import { checkNicArguments } from './netvsc/arguments.js';
import { Nic } from './netvsc/nic.js';
import type { NicOptions } from './netvsc/types.js';

export { AttachedNicQueue, attachNicQueue } from './netvsc/attached-queue.js';
export { Nic } from './netvsc/nic.js';
export type * from './netvsc/types.js';

/**
 * Opens a synthetic network card, which must be bound to uio_hv_generic, and brings it up: when this resolves, frames flow.
 * @throws VmbusError ERR_VMBUS_UNSUPPORTED (the device has no buffers, the host is too old), ERR_VMBUS_TIMEOUT,
 * ERR_VMBUS_PROTOCOL, ERR_VMBUS_REFUSED, ERR_VMBUS_RESCINDED, and what {@link openChannel} throws; the signal's reason
 * @example
 * await using binding = await bindDevice(bus.device('net'));
 * await using nic = await openNic(bus.device('net'));
 * await nic.send(frame);
 * for await (const frames of nic.frames()) for (const { bytes } of frames) console.log(bytes);
 * @category Devices
 */
export async function openNic(device: Device, options: NicOptions = {}): Promise<Nic> {
  const settings = checkNicArguments(device, options);
  const { signal } = settings;
  signal?.throwIfAborted();
  const core = await openPrimary(leases(), device, {
    ...settings.channel,
    ...(signal ? { signal } : {}),
    buffers: true,
  });
  return new Nic(core, settings).start();
}
