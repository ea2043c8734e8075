// SPDX-License-Identifier: MIT
//
// The masks of several rings on one node. A doorbell of one channel makes kernels unmask the rings of all channels of the
// device, behind our back: here the host's end pokes the mask words instead.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binding, End, Pair, RING_BYTES } from './native-pair.js';

/** The out ring of the host's end, and its mask word. */
const outRing = 1;
const maskWord = 2;

interface Two extends AsyncDisposable {
  readonly pair: Pair;
  /** Both ends of the primary channel and of a subchannel. */
  readonly ends: readonly { readonly host: End; readonly guest: End }[];
}

/** Both rings armed. */
async function openTwo(): Promise<Two> {
  const pair = await Pair.open();
  const ring = binding.addRing(pair.node, RING_BYTES, -1);
  const host = new End(binding.attachHost(pair.node, ring));
  const file = `/proc/self/fd/${binding.ringDescriptor(pair.node, ring)}`;
  const guest = new End(binding.attachSubchannel(pair.lease, file, 6, -1));
  assert.equal(host.drain() + guest.drain(), 0);
  const ends = [
    { host: pair.host, guest: pair.guest },
    { host, guest },
  ];
  return { pair, ends, [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose]() };
}

function unmaskAll({ ends }: Two): void {
  for (const { host } of ends) assert.equal(binding.pokeHeader(host.handle, outRing, maskWord, 0), 0);
}

const masks = ({ ends }: Two): number[] => ends.map(({ guest }) => guest.inspect('inMask'));

test("a ring that another channel's doorbell unmasked is masked again after the next wake", async () => {
  await using two = await openTwo();
  for (const { host, guest } of two.ends) {
    host.send(new Uint8Array(8));
    assert.equal(guest.drain(), 1);
  }
  assert.deepEqual(masks(two), [1, 1]);
  await two.pair.leaseEvents.reach(1);
  unmaskAll(two);

  const before = two.pair.leaseEvents.seen.length;
  binding.wakeGuest(two.pair.node);
  await two.pair.leaseEvents.reach(before + 1);

  assert.deepEqual(masks(two), [1, 1]);
});

test('a wake leaves a ring unmasked whose reader waits for one', async () => {
  await using two = await openTwo();
  const [primary] = two.ends;
  primary?.host.send(new Uint8Array(8));
  assert.equal(primary?.guest.drain(), 1);
  await two.pair.leaseEvents.reach(1);
  unmaskAll(two);

  const before = two.pair.leaseEvents.seen.length;
  binding.wakeGuest(two.pair.node);
  await two.pair.leaseEvents.reach(before + 1);

  assert.deepEqual(masks(two), [1, 0]);
});

test("a reader in the middle of its packets masks a ring that another channel's doorbell unmasked", async () => {
  await using two = await openTwo();
  for (const { host, guest } of two.ends) {
    host.send(new Uint8Array(8));
    host.send(new Uint8Array(8));
    assert.equal(guest.drain(1), 1);
  }
  unmaskAll(two);

  for (const { guest } of two.ends) assert.equal(guest.drain(1), 1);

  assert.deepEqual(masks(two), [1, 1]);
});

test("a ring that must not interrupt is masked again after another channel's doorbell", async () => {
  await using two = await openTwo();
  for (const { guest } of two.ends) binding.setArming(guest.handle, false);
  unmaskAll(two);

  for (const { guest } of two.ends) assert.equal(guest.drain(), 0);

  assert.deepEqual(masks(two), [1, 1]);
});
