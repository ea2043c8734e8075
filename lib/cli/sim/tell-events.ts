// SPDX-License-Identifier: MIT
//
// Tells what happens on a simulated host, as it happens: a line of text or a JSON record each.
// Called by: commands/sim.ts.

import type { HostProcess, HostProcessEvent } from '../../host/index.js';
import { providersByName } from '../../host/index.js';
import type { Context } from '../context.js';
import { eventText } from './event-text.js';

/** Which events are told, and where. */
export interface Telling {
  /** Troubles alone. */
  readonly quiet?: boolean | undefined;
  /** In text, what comes again and again as well. */
  readonly verbose?: boolean | undefined;
  /** Standard output belongs to a command. */
  readonly toError: boolean;
}

/** Tells events until the run or the host ends. */
export async function tellEvents(host: HostProcess, { out, signal }: Context, how: Telling): Promise<void> {
  for await (const event of host.events({ signal })) {
    if (!isTold(event, how, out.json)) continue;
    const record = { ...event };
    if (how.toError) out.error(out.json ? out.recordText(schema, record) : eventText(event, out.errorPaint));
    else if (out.json) out.record(schema, record);
    else out.line(eventText(event, out.paint));
  }
}

const schema = 'vmbus.sim.event/1';

function isTold(event: HostProcessEvent, { quiet, verbose }: Telling, json: boolean): boolean {
  if (event.kind === 'trouble' || event.kind === 'missed') return true;
  if (quiet) return false;
  if (verbose || json || event.kind !== 'provider') return true;
  return !providersByName[event.provider]?.routine?.includes(event.event.kind);
}
