// SPDX-License-Identifier: MIT
//
// Opens the network card a command names.

import type { Device, Nic, NicOptions } from '../../index.js';
import type { Context } from '../context.js';
import { lentDevice } from '../lent-device.js';

/** An open card and its device. */
export interface OpenCard {
  readonly device: Device;
  readonly nic: Nic;
}

/** Opens a card; it is closed at the end of the command. */
export async function openCard(context: Context, name: string, options: NicOptions = {}): Promise<OpenCard> {
  const { openNic } = await import('../../index.js');
  const device = await lentDevice(context, name);
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
