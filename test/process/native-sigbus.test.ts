// SPDX-License-Identifier: MIT
//
// Ring memory that vanishes under a channel, as the kernel takes a sysfs ring away: the process lives, the channel is over.

import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Status } from '../../dist/native/binding.js';
import { binding, End, inspectLease, Pair, RING_BYTES } from '../channel/native-pair.js';

/** A ring file that can shrink, unlike the memory of a served node. */
function attachShrinkable(pair: Pair): { readonly file: string; readonly channel: End } {
  const file = pair.folder.file('ring');
  writeFileSync(file, new Uint8Array(RING_BYTES));
  return { file, channel: new End(binding.attachSubchannel(pair.lease, file, 9, -1)) };
}

const uses: readonly (readonly [string, (channel: End) => number])[] = [
  ['drain', (channel) => channel.drain()],
  ['write', (channel) => channel.send(new Uint8Array(100))],
  [
    'writeMany',
    (channel) => {
      channel.sendIndex.set([6, 2 << 16, 0, 64, 0, 0]);
      return binding.writeMany(channel.handle, 0, 1);
    },
  ],
];
for (const [name, use] of uses) {
  test(`${name} on a ring whose pages are gone answers rescinded, for every channel of the lease`, async () => {
    await using pair = await Pair.open();
    const { file, channel } = attachShrinkable(pair);
    assert.equal(channel.drain(), 0);
    truncateSync(file, 0);

    assert.equal(use(channel), Status.rescinded);

    assert.equal(inspectLease(pair.lease, 'faulted'), 1);
    assert.equal(pair.guest.drain(), Status.rescinded);
  });
}

test('a fault in one lease leaves another one alone', async () => {
  await using broken = await Pair.open();
  await using sound = await Pair.open();
  const { file, channel } = attachShrinkable(broken);
  truncateSync(file, 0);
  assert.equal(channel.drain(), Status.rescinded);

  sound.host.send(Uint8Array.of(1));

  assert.equal(sound.guest.drain(), 1);
  assert.equal(inspectLease(sound.lease, 'faulted'), 0);
});

test('a listener for SIGBUS that a script adds does not take the guard away from rings mapped after it', async () => {
  const listener = (): void => {};
  process.on('SIGBUS', listener);
  await using pair = await Pair.open();
  const { file, channel } = attachShrinkable(pair);
  truncateSync(file, 0);

  assert.equal(channel.drain(), Status.rescinded);

  process.off('SIGBUS', listener);
});
