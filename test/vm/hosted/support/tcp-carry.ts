// SPDX-License-Identifier: MIT
//
// Carries random bytes over TCP between two stations of a guest, and compares their sums. Used by suites of network cards.

import assert from 'node:assert/strict';

import { type HostWorld, printMebibytes } from '../host-world.js';

/** Where a program of the guest runs to be at one end of a cable. */
export interface Station {
  readonly address: string;
  /** What goes before a command, such as `ip netns exec left`; nothing for the namespace of everything else. */
  readonly inside?: string;
}

/** @throws AssertionError when what arrives is not what was sent */
export async function carryOverTcp(
  { machine }: HostWorld,
  { from, to, mebibytes }: { readonly from: Station; readonly to: Station; readonly mebibytes: number },
): Promise<void> {
  const [inFrom, inTo] = [from, to].map(({ inside = '' }) => inside);
  const got = machine.must(`${inTo} socat -u -b 65536 TCP-LISTEN:7000,reuseaddr - | sha256sum`);
  const send = `${inFrom} socat -u -b 65536 - TCP:${to.address}:7000,retry=20,interval=0.5`;
  // Nothing is kept: the guest's files are its memory.
  const sent = await machine.must(
    `mkfifo /tmp/copy && { ${printMebibytes(mebibytes)} | tee /tmp/copy | ${send} & sha256sum < /tmp/copy; wait; rm /tmp/copy; }`,
  );
  assert.equal(await got, sent);
}
