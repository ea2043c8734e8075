// SPDX-License-Identifier: MIT
//
// What changes the system, loaded at the first call: who only looks at the bus, as `hv ls` does, starts without.
// Called by scripts and by every command that changes something; calls binding/ and move-channel.ts.

import type { VmbusError } from '../errors.js';
import type {
  BindOptions,
  ChannelMove,
  Device,
  DeviceBinding,
  MoveChannelOptions,
  RestoreOptions,
  RestoreResult,
} from './types.js';

/**
 * Binds a device to `uio_hv_generic` (or another driver) until the binding is disposed or the process ends.
 * @example
 * await using binding = await bindDevice(bus.device('balloon'));
 * @throws ERR_VMBUS_IN_USE, ERR_VMBUS_MODULE_MISSING, ERR_VMBUS_BIND_REFUSED, ERR_VMBUS_PERMISSION, ERR_VMBUS_BUSY,
 * ERR_VMBUS_NO_DEVICE, ERR_VMBUS_UNSUPPORTED (a snapshot, or another copy of a guest's tree; a network card whose
 * interface could not be put back), ERR_VMBUS_SYSTEM (its record is damaged)
 * @category Bus
 */
export async function bindDevice(
  device: Pick<Device, 'root' | 'id'>,
  options: BindOptions = {},
): Promise<DeviceBinding> {
  const binding = await import('./binding/driver-binding.js');
  return binding.bindDevice(device, options);
}

/**
 * Gives a device back to the driver it had before. Without a record, a device on uio_hv_generic goes to the driver made for
 * its class; any other is left alone.
 * @throws ERR_VMBUS_IN_USE while the node is open (also with `force`), ERR_VMBUS_BUSY while the process that bound it lives,
 * ERR_VMBUS_MODULE_MISSING, ERR_VMBUS_BIND_REFUSED, ERR_VMBUS_PERMISSION, ERR_VMBUS_SYSTEM where its record is damaged
 * @category Bus
 */
export async function restoreDevice(
  device: Pick<Device, 'root' | 'id'>,
  options: RestoreOptions = {},
): Promise<RestoreResult> {
  const restore = await import('./binding/restore.js');
  return restore.restoreDevice(device, options);
}

/**
 * Gives back every device whose owner ended without doing so, and those whose rollback is overdue. What can't be given
 * back is answered as an error, in its place; so is every damaged record.
 */
export async function restoreStale(root?: string): Promise<readonly (RestoreResult | VmbusError)[]> {
  const restore = await import('./binding/restore.js');
  return restore.restoreStale(root);
}

/**
 * Sends the interrupts of a channel to another CPU. Lasts until the host withdraws the channel.
 * @throws ERR_VMBUS_NO_CHANNEL, ERR_VMBUS_PERMISSION; ERR_VMBUS_SYSTEM with `facts.reason` for a refusal of the kernel
 * @category Bus
 */
export async function moveChannel(
  device: Pick<Device, 'root' | 'id'>,
  relid: number,
  options: MoveChannelOptions,
): Promise<ChannelMove> {
  const move = await import('./move-channel.js');
  return move.moveChannel(device, relid, options);
}
