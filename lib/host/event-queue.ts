// SPDX-License-Identifier: MIT
//
// Events that wait for somebody who may never come: the newest of them, and how many were given up for them.
// Called by: event-log.ts, event-reader.ts.

/** Events in their order. */
export class EventQueue<Event> {
  readonly #most: number;
  #events: Event[] = [];
  #missed = 0;

  /** @param most Events that are kept; the oldest ones go. */
  constructor(most: number) {
    this.#most = most;
  }

  push(event: Event): void {
    this.#events.push(event);
    if (this.#events.length <= this.#most) return;
    this.#events.shift();
    this.#missed += 1;
  }

  shift(): Event | undefined {
    return this.#events.shift();
  }

  /** How many events are gone that would come before the next one; from now on that is told. */
  takeMissed(): number {
    const missed = this.#missed;
    this.#missed = 0;
    return missed;
  }

  clear(): void {
    this.#events = [];
    this.#missed = 0;
  }
}
