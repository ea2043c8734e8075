// SPDX-License-Identifier: MIT
//
// When the inbox drains, when it waits, and who gets the packets: over an addon without rings.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Packet } from '../../dist/channel/index.js';
import { type FakeBinding, type FakeChannel, numbered, openFake, turn } from './channel-fake-binding.js';

const first = ({ payload }: Packet): number => payload[0] ?? -1;

async function take({ channel }: FakeChannel, count: number): Promise<number[]> {
  const seen: number[] = [];
  for await (const packet of channel) {
    seen.push(first(packet));
    if (seen.length === count) break;
  }
  return seen;
}

describe('the inbox', () => {
  it('leaves the ring alone while nobody reads, so that it fills and the host waits', async () => {
    const { fake } = await openFake();

    fake.host(...numbered(100));
    fake.wake();
    await turn();

    assert.equal(fake.drains, 0);
  });

  it('drains until the interrupt is armed before it waits, and gives what a wake brings', async () => {
    const { fake, channel } = await openFake();
    const iterator = channel[Symbol.asyncIterator]();
    const next = iterator.next();

    assert.equal(fake.isArmed, true);
    fake.host(...numbered(1, 42));

    assert.equal(first((await next).value as Packet), 42);
  });

  it('keeps the order over many drains', async () => {
    const opened = await openFake({ batchPackets: 3 });
    opened.fake.host(...numbered(50));

    assert.deepEqual(await take(opened, 50), [...Array(50).keys()]);
  });

  it('gives other work a turn when the host never stops', async () => {
    const { fake, channel } = await openFake({ batchPackets: 1 });
    fake.floods = true;
    let turns = 0;
    const count = (): void => {
      turns += 1;
      immediate = setImmediate(count);
    };
    let immediate = setImmediate(count);

    let packets = 0;
    for await (const _ of channel) if (++packets === 1000) break;
    clearImmediate(immediate);

    assert.ok(turns >= 5, `${turns} turns of the event loop while 1000 packets came`);
  });

  it('goes on in other memory when the script has taken what it read from', async () => {
    const { fake, channel } = await openFake();
    const seen: number[] = [];
    for (let round = 0; round < 3; round++) {
      fake.host(...numbered(2));
      channel.drain((arena, offset) => {
        seen.push(arena[offset] ?? -1);
      });
      fake.host(...numbered(1));
      for await (const batch of channel.batches()) {
        seen.push(batch.arena[batch.payloadOffset(0)] ?? -1);
        structuredClone(batch.arena.buffer, { transfer: [batch.arena.buffer as ArrayBuffer] });
        break;
      }
    }

    assert.deepEqual(seen, [0, 1, 0, 0, 1, 0, 0, 1, 0]);
  });

  it('keeps what was not read when a loop is left, for the next reader', async () => {
    const opened = await openFake();
    opened.fake.host(...numbered(6));

    assert.deepEqual(await take(opened, 2), [0, 1]);
    assert.deepEqual(await take(opened, 4), [2, 3, 4, 5]);
  });

  it('has one reader at a time', async () => {
    const { fake, channel } = await openFake();
    fake.host(...numbered(2));
    const iterator = channel[Symbol.asyncIterator]();

    const busy = { code: 'ERR_VMBUS_BUSY' };
    assert.throws(() => channel[Symbol.asyncIterator](), busy);
    assert.throws(() => channel.batches(), busy);
    assert.throws(() => channel.drain(() => true), busy);
    await assert.rejects(channel.readable(), busy);
    await iterator.return?.();

    assert.equal(
      channel.drain(() => true),
      2,
    );
  });

  it('serves next() calls that were not awaited one after the other', async () => {
    const { fake, channel } = await openFake();
    const iterator = channel[Symbol.asyncIterator]();
    const all = [iterator.next(), iterator.next(), iterator.next()];

    fake.host(...numbered(2));
    const [a, b] = await Promise.all(all.slice(0, 2));
    await channel.close();

    assert.deepEqual([a?.value?.payload[0], b?.value?.payload[0]], [0, 1]);
    assert.deepEqual(await all[2], { value: undefined, done: true });
  });

  it('grows its arena for a packet that does not fit', async () => {
    const { fake, channel } = await openFake({ arenaBytes: 64 });
    fake.host({ payload: new Uint8Array(500).fill(9) });

    for await (const packet of channel) {
      assert.deepEqual(packet.payload, new Uint8Array(500).fill(9));
      break;
    }
  });

  /** The fake's host makes its packet larger each time it is looked at. */
  const growing = (fake: FakeBinding, sizes: number[]): void => {
    const drain = fake.drain.bind(fake);
    fake.drain = () => {
      const size = sizes.shift();
      if (size !== undefined) fake.inbound[0] = { payload: new Uint8Array(size).fill(9) };
      return drain();
    };
  };

  it('takes the largest arena for a packet that grew while the arena did', async () => {
    const { fake, channel } = await openFake({ arenaBytes: 64 });
    growing(fake, [100, 3000, 0xffff * 8]);

    assert.equal((await channel[Symbol.asyncIterator]().next()).value?.payload.length, 0xffff * 8);
    await channel.close();
  });

  it("calls a packet that outgrows every arena the host's fault, not ours", async () => {
    const { fake, channel } = await openFake({ arenaBytes: 64 });
    growing(fake, [100, 3000, 2 ** 20]);

    await assert.rejects(channel[Symbol.asyncIterator]().next(), {
      code: 'ERR_VMBUS_CORRUPT',
      message: /changes its length/,
      hint: /hv doctor/,
    });
    assert.equal((await channel.closed).by, 'violation');
  });

  it('tells header and payload apart', async () => {
    const { fake, channel } = await openFake();
    fake.host({
      payload: Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1, 2, 2),
      headerBytes: 8,
      type: 7,
      flags: 1,
      idLow: -1,
      idHigh: 1,
    });

    for await (const packet of channel) {
      assert.deepEqual(packet, {
        type: 7,
        payload: Uint8Array.of(2, 2),
        transactionId: 0x1_ffff_ffffn,
        wantsCompletion: true,
        header: new Uint8Array(8).fill(1),
      });
      break;
    }
  });

  it('finds out about a lost wake by itself', async () => {
    const { fake, channel } = await openFake();
    const next = channel[Symbol.asyncIterator]().next();

    fake.inbound.push(...numbered(1, 3));
    const packet = await keepAlive(next);

    assert.equal(packet.value?.payload[0], 3);
  });
});

describe('a polled channel', () => {
  it('finds packets that no wake tells of, and is not looked at while nobody waits', async () => {
    const { fake, channel } = await openFake({ isPolled: true });
    const iterator = channel[Symbol.asyncIterator]();
    for (let i = 0; i < 5; i++) {
      const next = iterator.next();
      fake.inbound.push(...numbered(1, i));
      assert.equal((await keepAlive(next)).value?.payload[0], i);
    }

    // The timer notices once that nobody waits, and stops.
    const drains = fake.drains;
    await keepAlive(new Promise((resolve) => setTimeout(resolve, 50)));
    assert.equal(fake.drains, drains);
  });
});

describe('batches', () => {
  it('come as the host sent them, in one object that is reused', async () => {
    const { fake, channel } = await openFake();
    fake.host(...numbered(8), ...numbered(3, 8));
    const sizes: number[] = [];
    const objects = new Set<unknown>();

    for await (const batch of channel.batches()) {
      sizes.push(batch.length);
      objects.add(batch);
      assert.equal(batch.view(0)[0], sizes.length === 1 ? 0 : 8);
      if (sizes.length === 2) break;
    }

    assert.deepEqual(sizes, [8, 3]);
    assert.equal(objects.size, 1);
  });

  it('stay as they are while a request drains the ring', async () => {
    const { fake, channel } = await openFake();
    fake.host(...numbered(3));

    for await (const batch of channel.batches()) {
      const answer = channel.request(Uint8Array.of(1));
      fake.host(...numbered(3, 100));
      fake.complete(0);
      await answer;
      assert.deepEqual([...batch].map(first), [0, 1, 2]);
      break;
    }

    assert.equal(
      channel.drain(() => true),
      3,
    );
  });

  it('have no rows any more after the next step', async () => {
    const { fake, channel } = await openFake();
    fake.host(...numbered(1));
    const iterator = channel.batches();
    const { value: batch } = await iterator.next();
    await iterator.return?.();

    assert.equal(batch?.length, 0);
    assert.throws(() => batch?.view(0), { code: 'ERR_OUT_OF_RANGE' });
  });
});

describe('drain(visitor)', () => {
  it('stops where the visitor says so and goes on there', async () => {
    const { fake, channel } = await openFake();
    fake.host(...numbered(20));
    const seen: number[] = [];
    const visitor = (arena: Uint8Array, offset: number): boolean => seen.push(arena[offset] ?? -1) % 3 !== 0;

    assert.equal(channel.drain(visitor), 3);
    assert.equal(channel.drain(visitor, 2), 2);
    assert.equal(
      channel.drain((arena, offset) => void seen.push(arena[offset] ?? -1)),
      15,
    );

    assert.deepEqual(seen, [...Array(20).keys()]);
    assert.equal(
      channel.drain(() => true),
      0,
    );
  });

  it('counts a packet as read whose visitor throws, and stays usable', async () => {
    const { fake, channel } = await openFake();
    fake.host(...numbered(3));
    const boom = new Error('boom');

    assert.throws(
      () =>
        channel.drain(() => {
          throw boom;
        }),
      boom,
    );

    const rest: number[] = [];
    channel.drain((arena, offset) => void rest.push(arena[offset] ?? -1));
    assert.deepEqual(rest, [1, 2]);
  });

  it('can send, request and close from the visitor, but not drain', async () => {
    const { fake, channel } = await openFake();
    fake.host(...numbered(3));
    let closing: Promise<void> | undefined;
    let asked: Promise<unknown> | undefined;

    const seen = channel.drain(() => {
      assert.throws(() => channel.drain(() => true), { code: 'ERR_VMBUS_BUSY' });
      assert.equal(channel.trySend(Uint8Array.of(1)), true);
      asked = channel.request(Uint8Array.of(2));
      closing = channel.close();
    });

    assert.equal(seen, 1);
    await assert.rejects(asked as Promise<unknown>, { code: 'ERR_VMBUS_CLOSED' });
    await closing;
    assert.throws(() => channel.drain(() => true), { code: 'ERR_VMBUS_CLOSED' });
  });

  it('leaves the bytes alone while the visitor looks at them, also when it requests', async () => {
    const { fake, channel } = await openFake({ batchPackets: 4 });
    fake.host(...numbered(20));
    const seen: number[] = [];
    let asked: Promise<unknown> | undefined;

    channel.drain((arena, offset) => {
      const before = arena[offset];
      asked ??= channel.request(Uint8Array.of(1));
      assert.equal(arena[offset], before);
      seen.push(before ?? -1);
    });
    fake.complete(0);
    await turn();
    fake.wake();

    assert.deepEqual(seen, [...Array(20).keys()]);
    await asked;
  });

  it('ends although the host never stops', async () => {
    const { fake, channel } = await openFake();
    fake.floods = true;

    const seen = channel.drain(() => true);

    assert.equal(seen, 16);
  });
});

describe('readable()', () => {
  it('resolves when something comes, and false when the script closes', async () => {
    const { fake, channel } = await openFake();
    const waiting = channel.readable();
    fake.host(...numbered(1));
    assert.equal(await waiting, true);
    channel.drain(() => true);

    const again = channel.readable();
    await channel.close();

    assert.equal(await again, false);
    assert.equal(await channel.readable(), false);
  });

  it("gives up with the signal's own reason and leaves the place to others", async () => {
    const { fake, channel } = await openFake();
    const abort = new AbortController();
    const reason = { any: 'thing' };
    const waiting = channel.readable({ signal: abort.signal });

    abort.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
    await assert.rejects(channel.readable({ signal: abort.signal }), (error) => error === reason);

    fake.host(...numbered(1));
    assert.equal(await channel.readable(), true);
  });
});

/** The watchdog keeps no process alive; the real addon does. */
async function keepAlive<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, 1000);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}
