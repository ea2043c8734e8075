// SPDX-License-Identifier: MIT
//
// Pings of the kernel without a loss. Used by suites of network cards.

import assert from 'node:assert/strict';

import type { HostWorld } from '../host-world.js';
import type { Station } from './tcp-carry.js';

/** Each of so many must be answered. */
export async function pingWithoutLoss(
  { machine }: HostWorld,
  { from = {}, to, count }: { readonly from?: Pick<Station, 'inside'>; readonly to: string; readonly count: number },
): Promise<void> {
  // One more: for the last, ping waits no longer than two others took.
  const { stdout } = await machine.run(`${from.inside ?? ''} ping -c ${count + 1} -i 0.01 -W 20 ${to}`);
  const answered = new Set([...stdout.matchAll(/icmp_seq=(\d+) /g)].map(([, number]) => Number(number)));
  const lost = Array.from({ length: count }, (_, i) => i + 1).filter((number) => !answered.has(number));
  assert.deepEqual(lost, [], stdout);
}
