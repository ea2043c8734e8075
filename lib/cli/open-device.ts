// SPDX-License-Identifier: MIT
//
// Opens the channel of the device a command names. On a host that lives for this command only (`--sim`) the device is
// bound first: nobody else could have done it.

import type { Channel, Device, OpenChannelOptions } from '../index.js';
import type { Context } from './context.js';

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
  const { bindDevice, openChannel, VmbusError } = await import('../index.js');
  const bus = await context.bus();
  const found = bus.device(name);
  if (context.options.sim && !found.uio) {
    const binding = await bindDevice(found, { signal: context.signal });
    context.defer(() => binding.restore());
  }
  const device = bus.device(found.id);
  if (!device.uio) {
    const held = device.driver === null ? 'no driver has it' : `the driver ${device.driver} has it`;
    throw new VmbusError(
      'ERR_VMBUS_NOT_BOUND',
      `${device.class.name} ${device.id} is not lent to user space: ${held}`,
      {
        device: device.id,
        facts: { driver: device.driver },
        hint: `hv ${rootWords(context.options.root)}bind ${device.id}`,
      },
    );
  }
  const channel = await openChannel(device, { signal: context.signal, ...options });
  context.defer(() => channel.close());
  return { device, channel };
}

/** The root as it was named on the command line, so that the hint can be pasted into a shell. */
function rootWords(root: string | undefined): string {
  if (root === undefined) return '';
  const word = /^[\w@%+=:,./-]+$/.test(root) ? root : `'${root.replaceAll("'", `'\\''`)}'`;
  return `--root ${word} `;
}
