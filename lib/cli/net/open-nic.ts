// SPDX-License-Identifier: MIT
//
// Opens the network card a command names. On a host that lives for this command only (`--sim`) it is bound first.

import type { Device, Nic, NicOptions } from '../../index.js';
import type { Context } from '../context.js';

/** An open card and its device. */
export interface OpenCard {
  readonly device: Device;
  readonly nic: Nic;
}

/** Opens a card; it is closed at the end of the command. */
export async function openCard(context: Context, name: string, options: NicOptions = {}): Promise<OpenCard> {
  const { bindDevice, openNic, VmbusError } = await import('../../index.js');
  const bus = await context.bus();
  const found = bus.device(name);
  if (context.options.sim && !found.uio) {
    const binding = await bindDevice(found, { signal: context.signal });
    context.defer(() => binding.restore());
  }
  const device = bus.device(found.id);
  if (!device.uio) {
    const held = device.driver === null ? 'no driver has it' : `the driver ${device.driver} has it`;
    throw new VmbusError('ERR_VMBUS_NOT_BOUND', `network card ${device.id} is not lent to user space: ${held}`, {
      device: device.id,
      facts: { driver: device.driver },
      hint: `hv bind ${device.id} (what uses the card is refused), then again; hv restore gives it back`,
    });
  }
  // Ctrl-C ends the opening, but not an open card: that is closed in order, with its buffers given back.
  const opening = new AbortController();
  const onAbort = (): void => opening.abort(context.signal.reason);
  context.signal.throwIfAborted();
  context.signal.addEventListener('abort', onAbort, { once: true });
  try {
    const nic = await openNic(device, { signal: opening.signal, ...options });
    context.defer(() => nic.close());
    return { device, nic };
  } finally {
    context.signal.removeEventListener('abort', onAbort);
  }
}
