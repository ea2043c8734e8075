// SPDX-License-Identifier: MIT
//
// How a channel ends, over an addon that is scripted: after what was received, with the reason, and for whoever waits.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Packet } from '../../dist/channel/index.js';
import { FakeBinding, type FakeChannel, numbered, openFake } from './channel-fake-binding.js';

const first = ({ payload }: Packet): number => payload[0] ?? -1;

async function take({ channel }: FakeChannel, count: number): Promise<number[]> {
  const seen: number[] = [];
  for await (const packet of channel) {
    seen.push(first(packet));
    if (seen.length === count) break;
  }
  return seen;
}

describe('the end of a channel', () => {
  it('comes after everything received before, with the reason', async () => {
    const { fake, channel } = await openFake();
    fake.host(...numbered(5));
    fake.endStatus = -10;
    const seen: number[] = [];

    const loop = (async () => {
      for await (const packet of channel) seen.push(first(packet));
    })();

    await assert.rejects(loop, { code: 'ERR_VMBUS_CORRUPT', message: /violation 10/ });
    assert.deepEqual(seen, [0, 1, 2, 3, 4]);
    const { by } = await channel.closed;
    assert.equal(by, 'violation');
    assert.deepEqual([fake.closedChannels, fake.closedLeases], [1, 1]);
  });

  it('is silent when the script closes it, and drops what was not read', async () => {
    const { fake, channel } = await openFake();
    fake.host(...numbered(5));
    const seen: number[] = [];

    for await (const packet of channel) {
      seen.push(first(packet));
      await channel.close();
    }

    assert.deepEqual(seen, [0]);
    assert.deepEqual(await channel.closed, { by: 'user' });
  });

  it('wakes whoever waits when the host withdraws the device', async () => {
    const { fake, channel } = await openFake();
    const next = channel[Symbol.asyncIterator]().next();
    const asked = channel.request(Uint8Array.of(1));
    fake.space = 0;
    const parked = channel.send(Uint8Array.of(2));

    fake.rescind();

    const rescinded = { code: 'ERR_VMBUS_RESCINDED' };
    await Promise.all([next, asked, parked].map((waiting) => assert.rejects(waiting, rescinded)));
    await assert.rejects(channel.send(Uint8Array.of(3)), rescinded);
    assert.equal((await channel.closed).by, 'rescind');
    await channel.close();
    assert.equal(fake.closedLeases, 1);
  });

  it('shows only in the next call when nobody waits', async () => {
    const fake = new FakeBinding();
    assert.equal(fake.drains, 0);
    const opened = await openFake();
    opened.fake.rescind();

    assert.throws(() => opened.channel.drain(() => true), { code: 'ERR_VMBUS_RESCINDED' });
    await assert.rejects(opened.channel.readable(), { code: 'ERR_VMBUS_RESCINDED' });
    await assert.rejects(take(opened, 1), { code: 'ERR_VMBUS_RESCINDED' });
  });
});
