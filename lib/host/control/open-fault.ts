// SPDX-License-Identifier: MIT
//
// What speaks against opening a channel as a guest asks for it. Pure.
// Called by: control-path.ts.

import { noProcessor, type OpenChannel } from '../../protocol/control/types.js';
import type { OfferedChannel } from './types.js';

/** A sentence, or null when the channel can be opened. @param owner Relid whose memory the rings are in */
export function openFault(
  { relid, processor }: OpenChannel,
  channel: OfferedChannel | undefined,
  owner: number | undefined,
  processors: number,
): string | null {
  if (!channel) return `open of channel ${relid}, which was never offered`;
  if (channel.isOpen) return `open of channel ${relid}, which is open`;
  if (owner !== relid) return `open of channel ${relid} with memory that is not its own`;
  if (processor !== noProcessor && processor >= processors)
    return `open of channel ${relid} for processor ${processor}, which does not exist`;
  return null;
}
