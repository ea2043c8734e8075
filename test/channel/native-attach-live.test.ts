// SPDX-License-Identifier: MIT
//
// Regression: attaching to rings that are in use cleared the host's wish for space, and the host waited for ever.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { OpenStage } from '../../dist/native/binding.js';
import { binding, End, Pair, RING_BYTES, turn } from './native-pair.js';

test('a host that waits for space when its ring is attached still gets its doorbell', async () => {
  await using pair = await Pair.open();
  const ring = binding.addRing(pair.node, RING_BYTES, -1);
  assert.equal(binding.resetRing(pair.node, ring), 0);
  const host = new End(binding.attachHost(pair.node, ring));
  while (host.send(new Uint8Array(1000)) === 0);
  assert.equal(binding.awaitSpace(host.handle, 1000), 0);
  const wish = host.inspect('outPending');

  const file = `/proc/self/fd/${binding.ringDescriptor(pair.node, ring)}`;
  const guest = new End(binding.attachSubchannel(pair.lease, file, 6, -1));
  assert.ok(wish > 0);
  assert.equal(host.inspect('outPending'), wish);
  const before = pair.doorbells;
  assert.ok(guest.drain() > 0);
  await turn();

  assert.equal(pair.doorbells, before + 1);
});

test('a worker cannot attach to a lease whose node was made anew meanwhile', async () => {
  await using pair = await Pair.open();
  const token = binding.leaseToken(pair.lease);
  fs.renameSync(pair.path, `${pair.path}.old`);
  const stranger = binding.serveNode(pair.path, RING_BYTES, -1, () => undefined);
  assert.ok(stranger > 0);
  const nothing = (): void => undefined;

  const answer = await new Promise<readonly number[]>((resolve) => {
    binding.attachLease(token, nothing, (...numbers) => resolve(numbers));
  });

  binding.closeNode(stranger);
  assert.deepEqual(answer, [0, OpenStage.kind, 0]);
});
