// SPDX-License-Identifier: MIT
//
// Opens the channel of the device a command names.

import type { Channel, Device, OpenChannelOptions } from '../index.js';
import type { Context } from './context.js';
import { lentDevice } from './lent-device.js';

/** An open channel and the device it belongs to, as it was read just before. */
export interface OpenDevice {
  readonly device: Device;
  readonly channel: Channel;
}

/** Opens the primary channel of a device; it is closed at the end of the command. */
export async function openDevice(
  context: Context,
  name: string,
  options: OpenChannelOptions = {},
): Promise<OpenDevice> {
  const { openChannel } = await import('../index.js');
  const device = await lentDevice(context, name);
  const channel = await openChannel(device, { signal: context.signal, ...options });
  context.defer(() => channel.close());
  return { device, channel };
}
