// SPDX-License-Identifier: MIT
//
// Sends that find the ring full, requests that wait, and every way they end: over an addon without rings.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NOTHING_AWAITED, Status } from '../../dist/native/binding.js';
import { type FakeBinding, numbered, openFake, turn } from './channel-fake-binding.js';

const payloads = ({ sent }: FakeBinding): number[] => sent.map(({ payload }) => payload[0] ?? -1);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** Timers of waits keep no process alive; the real addon does. */
async function alive<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, 1000);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}

describe('send()', () => {
  it('writes at once when nobody waits', async () => {
    const { fake, channel } = await openFake();

    await channel.send(bytes(1));
    await channel.send(bytes(2), {
      type: 7,
      transactionId: 0x8000_0001_8000_0002n,
      wantsCompletion: true,
      header: new Uint8Array(8),
    });

    assert.deepEqual(fake.sent[0], { type: 6, flags: 0, idLow: 0, idHigh: 0, payload: bytes(1), headerBytes: 0 });
    assert.deepEqual(fake.sent[1], {
      type: 7,
      flags: 1,
      idLow: 0x8000_0002 | 0,
      idHigh: 0x8000_0001 | 0,
      payload: bytes(0, 0, 0, 0, 0, 0, 0, 0, 2),
      headerBytes: 8,
    });
  });

  it('is first come, first served on a full ring', async () => {
    const { fake, channel } = await openFake();
    fake.space = 1;
    const done: number[] = [];

    const all = [1, 2, 3, 4].map(async (n) => {
      await channel.send(bytes(n));
      done.push(n);
    });
    assert.equal(channel.stats().queuedSends, 3);
    fake.space = 2;
    assert.equal(channel.trySend(bytes(9)), false, 'nobody overtakes those who wait');
    assert.equal(channel.trySend(bytes(9), { transactionId: 1n }), false);
    assert.equal(channel.trySendMany([bytes(9)]), 0);
    fake.wake();
    await turn();
    assert.deepEqual(done, [1, 2, 3]);
    fake.space = 9;
    fake.wake();
    await Promise.all(all);

    assert.deepEqual(payloads(fake), [1, 2, 3, 4]);
    assert.ok(fake.awaits > 0, 'the host was asked for a wake');
  });

  it('looks by itself when the host never wakes a blocked writer', async () => {
    const { fake, channel, lease } = await openFake();
    lease.watchWait = () => undefined; // the timer of the lease is another one
    fake.space = 0;
    const waiting = channel.send(bytes(5));
    setImmediate(() => {
      fake.space = 1;
    });

    await alive(waiting);

    assert.deepEqual(payloads(fake), [5]);
  });

  it('does not loop when the host says there is space and there is none', async () => {
    const { fake, channel } = await openFake();
    fake.space = 0;
    fake.awaitSpace = () => 1;

    const waiting = channel.send(bytes(5), { timeoutMs: 20 });

    await assert.rejects(alive(waiting), { code: 'ERR_VMBUS_TIMEOUT' });
  });

  it('copies before it returns', async () => {
    const { fake, channel } = await openFake();
    fake.space = 0;
    const payload = bytes(1, 2, 3);
    const header = new Uint8Array(8).fill(4);
    const waiting = channel.send(payload, { header });
    payload.fill(0);
    header.fill(0);

    fake.space = 1;
    fake.wake();
    await waiting;

    assert.deepEqual(fake.sent[0]?.payload, bytes(4, 4, 4, 4, 4, 4, 4, 4, 1, 2, 3));
  });

  it('times out with a reason, and lets the next one through', async () => {
    const { fake, channel } = await openFake();
    fake.space = 0;
    const late = channel.send(bytes(1), { timeoutMs: 5 });
    const next = channel.send(bytes(2));

    await assert.rejects(alive(late), { code: 'ERR_VMBUS_TIMEOUT', message: /ring stayed full.*2 sends wait/ });
    fake.space = 1;
    fake.wake();
    await next;

    assert.deepEqual(payloads(fake), [2]);
  });

  it('that gives up lets a smaller one behind it go at once', async () => {
    const { fake, channel } = await openFake();
    const abort = new AbortController();
    const write = fake.write.bind(fake);
    fake.write = (...input) => (input[6].length > 100 ? Status.full : write(...input));
    fake.awaitSpace = () => 0;
    const large = channel.send(new Uint8Array(200), { signal: abort.signal });
    const small = channel.send(bytes(2));

    abort.abort('enough');

    await assert.rejects(large, (error) => error === 'enough');
    await small; // nobody woke us, and nothing keeps the process alive for a timer
    assert.deepEqual(payloads(fake), [2]);
  });

  it('that gives up as the last one takes back the request for a wake', async () => {
    const { fake, channel } = await openFake();
    const abort = new AbortController();
    const wanted: number[] = [];
    fake.space = 0;
    fake.awaitSpace = (_channel?: number, size = -1) => wanted.push(size) * 0;
    const send = channel.send(new Uint8Array(200), { signal: abort.signal });

    abort.abort('enough');

    await assert.rejects(send, (error) => error === 'enough');
    assert.deepEqual(wanted, [200, NOTHING_AWAITED]);
  });

  it("rejects with the signal's reason, unchanged: before, while it waits; and not after", async () => {
    const { fake, channel } = await openFake();
    const abort = new AbortController();
    const after = channel.send(bytes(1), { signal: abort.signal });
    fake.space = 0;
    const during = channel.send(bytes(2), { signal: abort.signal });

    abort.abort('enough');

    await assert.rejects(during, (error) => error === 'enough');
    await assert.rejects(channel.send(bytes(3), { signal: abort.signal }), (error) => error === 'enough');
    await after;
    assert.equal(channel.stats().queuedSends, 0);
    assert.deepEqual(payloads(fake), [1]);
  });

  it('refuses what can never fit, naming size and limit', async () => {
    const { channel } = await openFake();
    const big = new Uint8Array(1001);
    const expected = { code: 'ERR_VMBUS_TOO_LARGE', facts: { sizeBytes: 1001, maxBytes: 1000 } };

    await assert.rejects(channel.send(big), expected);
    await assert.rejects(channel.request(big), expected);
    assert.throws(() => channel.trySend(big), expected);
    assert.throws(() => channel.trySendMany([bytes(1), big]), expected);
    assert.equal(channel.trySend(new Uint8Array(1000)), true);
  });

  it('is rejected when the channel is closed meanwhile', async () => {
    const { fake, channel } = await openFake();
    fake.space = 0;
    const waiting = assert.rejects(channel.send(bytes(1)), { code: 'ERR_VMBUS_CLOSED' });

    await channel.close();

    await waiting;
    await assert.rejects(channel.send(bytes(1)), { code: 'ERR_VMBUS_CLOSED' });
    assert.throws(() => channel.trySend(bytes(1)), { code: 'ERR_VMBUS_CLOSED' });
  });
});

describe('trySendMany()', () => {
  it('writes what fits, in order, and answers how many', async () => {
    const { fake, channel } = await openFake();
    fake.space = 700;
    const all = Array.from({ length: 1000 }, (_, i) => bytes(i & 0xff, i >> 8));

    assert.equal(channel.trySendMany(all), 700);

    assert.deepEqual(
      fake.sent.map(({ payload }) => payload),
      all.slice(0, 700),
    );
  });

  it('puts the header before every payload', async () => {
    const { fake, channel } = await openFake();

    channel.trySendMany([bytes(1), bytes(2)], { header: new Uint8Array(8).fill(7), type: 9, transactionId: 3n });

    const expected = { type: 9, flags: 0, idLow: 3, idHigh: 0, headerBytes: 8 };
    assert.deepEqual(fake.sent, [
      { ...expected, payload: bytes(7, 7, 7, 7, 7, 7, 7, 7, 1) },
      { ...expected, payload: bytes(7, 7, 7, 7, 7, 7, 7, 7, 2) },
    ]);
  });

  it('checks all payloads before it writes any', async () => {
    const { fake, channel } = await openFake();

    assert.throws(() => channel.trySendMany([bytes(1), 'two' as never]), {
      code: 'ERR_INVALID_ARG_TYPE',
      message: /"payloads\[1\]"/,
    });

    assert.equal(fake.sent.length, 0);
  });
});

describe('request()', () => {
  it('drains for its completion although nobody reads, and keeps the other packets for the reader', async () => {
    const { fake, channel } = await openFake({ batchPackets: 4 });
    const answer = channel.request(bytes(1));

    fake.host(...numbered(10));
    fake.complete(0, bytes(99));
    fake.host(...numbered(2, 10));

    assert.deepEqual((await answer).payload, bytes(99));
    const seen: number[] = [];
    channel.drain((arena, offset) => void seen.push(arena[offset] ?? -1));
    assert.deepEqual(seen, [...Array(12).keys()]);
  });

  it('gives each answer to the request that asked, whatever the order', async () => {
    const { fake, channel } = await openFake();
    const answers = Array.from({ length: 300 }, (_, i) => channel.request(bytes(i & 0xff)));

    for (let i = 299; i >= 0; i--) fake.complete(i, bytes(i & 0xff, i >> 8));

    const got = await Promise.all(answers);
    assert.deepEqual(
      got.map(({ payload }) => (payload[0] ?? 0) + (payload[1] ?? 0) * 256),
      [...Array(300).keys()],
    );
    assert.equal(channel.stats().pendingRequests, 0);
    assert.equal(new Set(fake.sent.map(({ idLow, idHigh }) => `${idHigh}:${idLow}`)).size, 300);
  });

  it('stops draining at the limit of unread packets, says so when it times out, and goes on when somebody reads', async () => {
    const { fake, channel } = await openFake({ batchPackets: 64 });
    const late = channel.request(bytes(1), { timeoutMs: 300 });
    const patient = channel.request(bytes(2));

    fake.host(...numbered(5000));
    fake.complete(1, bytes(2));

    await assert.rejects(alive(late), { code: 'ERR_VMBUS_TIMEOUT', message: /nobody reads them/ });
    const kept = channel.stats().unreadPackets;
    assert.ok(kept >= 1024 && kept <= 1024 + 2 * 64, `${kept} packets kept`);
    assert.ok(fake.inbound.length > 3500, 'the rest stays in the ring');

    let seen = 0;
    for await (const { payload } of channel) {
      assert.equal(payload[0], seen & 0xff);
      if (++seen === 5000) break;
    }
    assert.deepEqual((await patient).payload, bytes(2));
  });

  it('is answered although a reader took a batch and works on it', async () => {
    const { fake, channel } = await openFake({ batchPackets: 4 });
    const answer = channel.request(bytes(1));
    const iterator = channel[Symbol.asyncIterator]();
    const next = iterator.next();
    fake.inbound.push(...numbered(6));
    fake.complete(0, bytes(77));
    await next;

    assert.deepEqual((await answer).payload, bytes(77));
  });

  it('drops a completion that comes late or twice, and counts it', async () => {
    const { fake, channel } = await openFake();
    const late = channel.request(bytes(1), { timeoutMs: 1 });
    await assert.rejects(alive(late), { code: 'ERR_VMBUS_TIMEOUT', message: /host sent no completion/ });
    const answered = channel.request(bytes(2));

    fake.complete(0);
    fake.complete(1);
    await answered;
    fake.complete(1);

    assert.equal(
      channel.drain(() => true),
      0,
    );
    assert.equal(channel.stats().unexpectedCompletions, 2);
  });

  it('leaves completions with ids of the script to the reader', async () => {
    const { fake, channel } = await openFake();
    void channel.request(bytes(1)).catch(() => undefined);

    fake.host({ type: 11, idLow: 5, idHigh: -1, payload: bytes(6) });

    const ids: bigint[] = [];
    for await (const { transactionId } of channel) {
      ids.push(transactionId);
      break;
    }
    assert.deepEqual(ids, [0xffff_ffff_0000_0005n]);
    await channel.close();
  });

  it('waits for space before it waits for the answer, and says which in its timeout', async () => {
    const { fake, channel } = await openFake();
    fake.space = 0;
    const late = channel.request(bytes(1), { timeoutMs: 5 });
    const next = channel.request(bytes(2));

    await assert.rejects(alive(late), { code: 'ERR_VMBUS_TIMEOUT', message: /ring stayed full/ });
    fake.space = 5;
    fake.wake();
    fake.complete(0, bytes(22));

    assert.deepEqual((await next).payload, bytes(22));
    assert.deepEqual(payloads(fake), [2]);
  });

  it("rejects with the signal's reason at any time", async () => {
    const { fake, channel } = await openFake();
    const reason = new Error('mine');
    const sent = new AbortController();
    const queued = new AbortController();
    const waiting = channel.request(bytes(1), { signal: sent.signal });
    fake.space = 0;
    const parked = channel.request(bytes(2), { signal: queued.signal });

    sent.abort(reason);
    queued.abort(reason);

    await assert.rejects(waiting, (error) => error === reason);
    await assert.rejects(parked, (error) => error === reason);
    await assert.rejects(channel.request(bytes(3), { signal: sent.signal }), (error) => error === reason);
    assert.deepEqual([channel.stats().pendingRequests, channel.stats().queuedSends], [0, 0]);
  });

  it('may share its signal with any number of others: Node sees no leak', async () => {
    const { channel } = await openFake();
    const warnings: Error[] = [];
    const onWarning = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', onWarning);
    const abort = new AbortController();
    const all = Array.from({ length: 100 }, () => channel.request(bytes(1), { signal: abort.signal }));

    abort.abort('all');

    const results = await Promise.allSettled(all);
    await turn();
    process.off('warning', onWarning);
    assert.ok(results.every((result) => result.status === 'rejected' && result.reason === 'all'));
    assert.deepEqual(warnings, []);
  });

  it('is never given id 0, nor an even one', async () => {
    const { fake, channel } = await openFake();
    for (let i = 0; i < 50; i++) void channel.request(bytes(1)).catch(() => undefined);

    for (const { idLow, idHigh, flags } of fake.sent) {
      assert.ok((idLow & 1) === 1 && idHigh >= 0 && idHigh < 2 ** 20, `${idHigh}:${idLow}`);
      assert.equal(flags, 1);
    }
    await channel.close();
  });
});
