// SPDX-License-Identifier: MIT
//
// Events of a guest's life in words: facts for a line and for a command's environment, and what can't be known here.

import type { LifecycleEvent, LifecycleSource } from '../../index.js';
import type { Output } from '../output.js';

/** Facts of an event by name, as text. */
export function eventFacts({ kind: _kind, time: _time, ...facts }: LifecycleEvent): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, String(value)]));
}

/** `className` → `VMBUS_EVENT_CLASS_NAME`. No byte zero: a name that a host chose must not keep a command from being run. */
export function eventEnvironment(event: LifecycleEvent): Readonly<Record<string, string>> {
  const facts = Object.entries(eventFacts(event)).map(([name, value]) => [
    `VMBUS_EVENT_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
    value.replaceAll('\0', ''),
  ]);
  return { VMBUS_EVENT: event.kind, VMBUS_EVENT_TIME: event.time.toISOString(), ...Object.fromEntries(facts) };
}

/** Says what is not watched, and why. */
export function noteAbsent(sources: readonly LifecycleSource[], out: Output): void {
  for (const { kinds, isWatched, says } of sources) if (!isWatched) out.note(`not told: ${kinds.join(', ')}: ${says}`);
}
