// SPDX-License-Identifier: MIT
//
// The part of the public surface that verbs wait for at their start: `vmbus/bus`. The main entry exports all of it, and much
// more; loading only that part keeps `hv ls` as quick as the bus can be read.

/** What the public surface exports of the bus. */
export type BusSurface = typeof import('../bus/index.js');

/** Loads the bus, and nothing else. */
export function loadBusSurface(): Promise<BusSurface> {
  return import('../bus/index.js');
}
