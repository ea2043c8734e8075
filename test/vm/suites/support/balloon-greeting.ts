// SPDX-License-Identifier: MIT
// The first two messages of dynamic memory, byte by byte, as the kernel's driver and QEMU exchange them.
// Source: drivers/hv/hv_balloon.c (struct dm_version_request, dm_version_response).
import type { Channel } from '../../../../dist/index.js';

/** Version 2.0 (Windows 10), transaction 1, not the last attempt. */
const VERSION_REQUEST = '01001000010000000000020000000000';

/** Accepted, transaction 1. */
export const VERSION_ACCEPTED = '02001000010000000100000000000000';

export const sendVersionRequest = (channel: Channel): Promise<void> =>
  channel.send(Buffer.from(VERSION_REQUEST, 'hex'));

/** The host's next packet, in hex. */
export async function readVersionResponse(channel: Channel): Promise<string> {
  for await (const { payload } of channel) return Buffer.from(payload).toString('hex');
  return 'closed';
}
