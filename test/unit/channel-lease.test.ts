// SPDX-License-Identifier: MIT
//
// What the lease tells its channels: over an addon without rings.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LeaseEvent } from '../../dist/native/binding.js';
import { openFake } from './channel-fake-binding.js';

it('a doorbell that would crash the guest ends the channel with the reason, instead of leaving it silent', async () => {
  const { fake, channel } = await openFake();
  const waiting = channel.request(Uint8Array.of(1));

  fake.onEvent(LeaseEvent.unsignalled);

  await assert.rejects(waiting, {
    code: 'ERR_VMBUS_UNSUPPORTED',
    message: /can't be told of packets on channel 7 .* subchannel that the kernel has not opened/,
  });
  assert.equal((await channel.closed).by, 'error');
  assert.equal(fake.closedLeases, 1);
});
