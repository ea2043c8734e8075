// SPDX-License-Identifier: MIT
//
// The device that a command is to open: lent to user space already, or refused with the command that lends it. On a host that
// lives for this command only (`--sim`) it is bound here: nobody else could have done it.
// Called by: open-device.ts, scsi/open-controller.ts, net/open-nic.ts.

import type { Bus, Device } from '../index.js';
import type { Context } from './context.js';

/** The device with this name, as it is now. @throws VmbusError ERR_VMBUS_NOT_BOUND, ERR_VMBUS_NO_DEVICE, what binding throws */
export async function lentDevice(context: Context, name: string): Promise<Device> {
  const { bindDevice, VmbusError } = await import('../index.js');
  const bus = await context.bus();
  const found = lentBefore(bus, name) ?? bus.device(name);
  if (context.options.sim && !found.uio) {
    const binding = await bindDevice(found, { signal: context.signal });
    context.defer(() => binding.restore());
  }
  const device = bus.device(found.id);
  if (device.uio) return device;
  const held = device.driver === null ? 'no driver has it' : `the driver ${device.driver} has it`;
  throw new VmbusError('ERR_VMBUS_NOT_BOUND', `${device.class.name} ${device.id} is not lent to user space: ${held}`, {
    device: device.id,
    facts: { driver: device.driver },
    hint: `hv ${rootWords(context.options.root)}bind ${device.id}`,
  });
}

/** Among several of a class, the one that `hv bind DEVICE -- COMMAND` runs this command for. */
function lentBefore(bus: Bus, name: string): Device | undefined {
  const { VMBUS_DEVICE, VMBUS_ROOT } = process.env;
  if (VMBUS_DEVICE === undefined || VMBUS_ROOT !== bus.root) return undefined;
  return bus.devices().find((device) => device.id === VMBUS_DEVICE && device.class.name === name.toLowerCase());
}

/** The root as it was named on the command line, so that the hint can be pasted into a shell. */
function rootWords(root: string | undefined): string {
  if (root === undefined) return '';
  const word = /^[\w@%+=:,./-]+$/.test(root) ? root : `'${root.replaceAll("'", `'\\''`)}'`;
  return `--root ${word} `;
}
