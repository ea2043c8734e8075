// SPDX-License-Identifier: MIT
//
// The events of a host process: told at once while the parent listens, kept for it until then.
// Called by: process-host.ts.

import { EventQueue } from './event-queue.js';
import type { HostProcessEvent } from './process-protocol.js';

/** Events kept while nobody listens. */
export const keptEvents = 1000;

/** An event without its time. */
export type UntimedEvent = HostProcessEvent extends infer E ? (E extends unknown ? Omit<E, 'time'> : never) : never;

/** Where events go. */
export class EventLog {
  readonly #tell: (event: HostProcessEvent) => void;
  readonly #waiting = new EventQueue<HostProcessEvent>(keptEvents);
  #isHeard = false;

  constructor(tell: (event: HostProcessEvent) => void) {
    this.#tell = tell;
  }

  /** The parent listens. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  add(event: UntimedEvent): void {
    const timed = { time: new Date().toISOString(), ...event } as HostProcessEvent;
    if (this.#isHeard) this.#tell(timed);
    else this.#waiting.push(timed);
  }

  /** Whether the parent listens from now on. What waited comes first. */
  listen(on: boolean): void {
    this.#isHeard = on;
    if (!on) return;
    const count = this.#waiting.takeMissed();
    if (count > 0) this.add({ kind: 'missed', count });
    for (let event = this.#waiting.shift(); event; event = this.#waiting.shift()) this.#tell(event);
  }
}
