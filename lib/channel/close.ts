// SPDX-License-Identifier: MIT
//
// `close()`: ends the channel for its script and waits for the kernel.
// Called by: opened-channel.ts, unclosed.ts.

import { errnoName, VmbusError } from '../errors.js';
import type { ChannelCore } from './channel-core.js';
import { nameOf } from './close-reasons.js';

/**
 * Closes subchannels, channel and lease, in this order. Safe to call at any time and again.
 * @throws VmbusError ERR_VMBUS_SYSTEM when the node was closed but the kernel may still hold the channel open
 */
export async function closeByUser(core: ChannelCore): Promise<void> {
  core.end({ by: 'user' });
  const errno = await core.finish();
  await core.closed;
  if (errno === 0) return;
  const name = errnoName(errno);
  throw new VmbusError('ERR_VMBUS_SYSTEM', `Closing ${core.lease.nodePath} (${nameOf(core)}) failed: ${name}`, {
    device: core.device,
    channel: core.relid,
    path: core.lease.nodePath,
    syscall: 'close',
    errno,
    errnoName: name,
    hint: name === 'ETIMEDOUT' ? 'end the worker threads that attached to it' : 'hv doctor shows who holds the node',
  });
}
