// SPDX-License-Identifier: MIT
//
// Channels that a script lost without closing them: closed when the garbage collector finds them, with a warning that says
// where they were opened. While somebody waits on a channel it is not lost.
// Called by: opened-channel.ts, open.ts, attach.ts.

import type { ChannelCore } from './channel-core.js';
import { nameOf } from './close-reasons.js';

interface Opened {
  readonly core: ChannelCore;
  readonly openedAt: string;
}

const lost = new FinalizationRegistry<Opened>(({ core, openedAt }) => {
  if (core.ending !== null) return;
  const warning = `The ${nameOf(core)} was collected while it was open, and is closed now. Close it, or open it with "await using".`;
  process.emitWarning(warning, { type: 'VmbusWarning', code: 'VMBUS_CHANNEL_NOT_CLOSED', detail: openedAt });
  core.end({ by: 'user' });
});

/** Notices when the channel object is collected while its core is open. */
export function watchForLoss(channel: object, core: ChannelCore, openedAt: string): void {
  lost.register(channel, { core, openedAt }, channel);
}

/** It is being closed. */
export function forgetChannel(channel: object): void {
  lost.unregister(channel);
}

/** Where the function was called from, as stack lines; asked for before the first await. */
export function callSite(called: (...input: never[]) => unknown): string {
  const place = { stack: '' };
  Error.captureStackTrace(place, called);
  return place.stack.replace(/^.*\n/, 'opened here:\n');
}
