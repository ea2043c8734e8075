// SPDX-License-Identifier: MIT
//
// Packets in both directions over the local simulated host: every way to send and to read, full rings, wraps, requests.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openBus } from '../../dist/bus/index.js';
import type { Packet } from '../../dist/channel/index.js';
import { openChannel } from '../../dist/channel/index.js';
import { echo, SimulatedHost } from '../../dist/host/index.js';
import { patterned, Scripted, sequence, turn, until, withPair } from './channel-pair.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** What the ring makes of a payload: padded to 8 bytes with zeros. */
function padded(payload: Uint8Array): Uint8Array {
  const whole = new Uint8Array((payload.length + 7) & ~7);
  whole.set(payload);
  return whole;
}

describe('a channel', () => {
  it('carries packets of every form to the host', () =>
    withPair(async ({ channel, provider }) => {
      await channel.send(bytes(1));
      assert.equal(channel.trySend(bytes(2), { transactionId: 2n ** 64n - 1n }), true);
      assert.equal(channel.trySendMany([bytes(3), bytes(4)]), 2);
      await channel.send(new Uint8Array(0));
      await channel.complete({ transactionId: 5n }, bytes(6));
      await until(() => provider.packets.length === 6);

      assert.deepEqual(
        provider.packets.map(({ type, transactionId, payload }) => [type, transactionId, payload]),
        [
          [6, 0n, padded(bytes(1))],
          [6, 2n ** 64n - 1n, padded(bytes(2))],
          [6, 0n, padded(bytes(3))],
          [6, 0n, padded(bytes(4))],
          [6, 0n, new Uint8Array(0)],
          [11, 5n, padded(bytes(6))],
        ],
      );
    }));

  it('carries packets from where they lie, as often as they are sent', () =>
    withPair(async ({ channel, provider }) => {
      const arena = channel.sendArena({ bytes: 4096, packets: 8 });
      arena.bytes.set(patterned(4096, 5));
      for (const [offset, length] of [
        [0, 8],
        [3, 64],
        [100, 1000],
        [4096, 0],
      ] as const)
        arena.add(offset, length, offset, 7);
      assert.equal(channel.trySendArena(arena), 4);
      arena.bytes.fill(9, 0, 8);
      assert.equal(channel.trySendArena(arena), 4);
      await until(() => provider.packets.length === 8);

      const bytesAt = (offset: number, length: number): Uint8Array =>
        padded(patterned(4096, 5).subarray(offset, offset + length));
      const later = [bytesAt(3, 64), bytesAt(100, 1000), new Uint8Array(0)];
      later[0]?.fill(9, 0, 5);
      assert.deepEqual(
        provider.packets.map(({ payload }) => payload),
        [bytesAt(0, 8), bytesAt(3, 64), ...later.slice(1), new Uint8Array(8).fill(9), ...later],
      );
      assert.equal(provider.packets[2]?.transactionId, (7n << 32n) | 100n);
    }));

  it('carries packets of every form from the host', () =>
    withPair(async ({ channel, provider }) => {
      const header = patterned(24, 3);
      provider.host.send(bytes(1, 2, 3));
      provider.host.send(bytes(4), { type: 7, flags: 1, transactionId: 0xfedc_ba98_7654_3210n, header });
      const packets: Packet[] = [];
      for await (const packet of channel) if (packets.push(packet) === 2) break;

      assert.deepEqual(packets, [
        {
          type: 6,
          payload: padded(bytes(1, 2, 3)),
          transactionId: 0n,
          wantsCompletion: false,
          header: new Uint8Array(0),
        },
        { type: 7, payload: padded(bytes(4)), transactionId: 0xfedc_ba98_7654_3210n, wantsCompletion: true, header },
      ]);
    }));

  it('hands out payloads that stay as they are', () =>
    withPair(async ({ channel, provider }) => {
      const kept: Uint8Array[] = [];
      const loop = (async () => {
        for await (const { payload } of channel) if (kept.push(payload) === 2000) break;
      })();
      for (let i = 0; i < 2000; i++) {
        while (!provider.host.send(patterned(64 + (i % 100) * 8, i))) await turn();
      }
      await loop;

      for (const [i, payload] of kept.entries()) assert.deepEqual(payload, patterned(64 + (i % 100) * 8, i));
    }));

  it('is read alike packet by packet, in batches and by a visitor', () =>
    withPair(async ({ channel, provider }) => {
      const seen: number[] = [];
      const sendHundred = (): void => {
        for (let i = 0; i < 100; i++) provider.host.send(bytes(i));
      };
      sendHundred();
      for await (const { payload } of channel) if (seen.push(payload[0] ?? -1) === 50) break;
      sendHundred();
      for await (const batch of channel.batches()) {
        for (let i = 0; i < batch.length; i++) seen.push(batch.arena[batch.payloadOffset(i)] ?? -1);
        if (seen.length === 200) break;
      }
      sendHundred();
      while (seen.length < 300 && (await channel.readable())) {
        channel.drain((arena, offset) => void seen.push(arena[offset] ?? -1));
      }

      const hundred = [...Array(100).keys()];
      assert.deepEqual(seen, [...hundred, ...hundred, ...hundred]);
    }));

  it('loses and mixes up nothing in 100,000 packets of random sizes, over many wraps of both rings', async () => {
    const host = await SimulatedHost.start({ devices: [echo({ ringBytes: 64 * 1024 })], bound: true });
    const channel = await openChannel(openBus({ root: host.root }).device('echo'));
    const count = 100_000;
    const sizes = sequence(1);
    const expected = sequence(1);
    let seen = 0;

    const sender = (async () => {
      for (let i = 0; i < count; i++)
        await channel.send(patterned(8 * (1 + sizes(120)), i), { transactionId: BigInt(i + 1) });
    })();
    for await (const { payload, transactionId } of channel) {
      const length = 8 * (1 + expected(120));
      assert.equal(transactionId, BigInt(seen + 1));
      assert.equal(payload.length, length);
      if (seen % 50 === 0) assert.deepEqual(payload, patterned(length, seen));
      else assert.equal(payload[length - 1], (seen * 31 + (length - 1) * 7) & 0xff);
      if (++seen === count) break;
    }
    await sender;

    const { packetsIn, packetsOut, ringFull } = channel.stats();
    assert.deepEqual([packetsIn, packetsOut], [count, count]);
    assert.ok(ringFull > 0, 'the ring was full at times');
    await channel.close();
    await host.close();
  });

  it('takes the largest payload that it names, and no larger one', () =>
    withPair(async ({ channel, provider }) => {
      const largest = patterned(channel.maxPayloadBytes, 1);

      await channel.send(largest);
      await until(() => provider.packets.length === 1);
      await assert.rejects(channel.send(new Uint8Array(channel.maxPayloadBytes + 1)), { code: 'ERR_VMBUS_TOO_LARGE' });
      provider.host.send(largest);
      for await (const { payload } of channel) {
        assert.deepEqual(payload, padded(largest));
        break;
      }

      assert.deepEqual(provider.packets[0]?.payload, padded(largest));
    }));
});

describe('a full ring', () => {
  it('makes senders wait, in order, until the host reads', () =>
    withPair(async ({ channel, provider }) => {
      provider.host.faults.stall(true);
      let filled = 0;
      while (channel.trySend(patterned(1000, filled))) filled += 1;
      const waiting = Array.from({ length: 20 }, (_, i) => channel.send(patterned(1000, filled + i)));
      assert.equal(channel.stats().queuedSends, 20);

      provider.host.faults.stall(false);
      await Promise.all(waiting);
      await until(() => provider.packets.length === filled + 20);

      for (const [i, { payload }] of provider.packets.entries()) assert.deepEqual(payload, patterned(1000, i));
    }));

  it('times a send out, and lets a signal end it', () =>
    withPair(async ({ channel, provider }) => {
      provider.host.faults.stall(true);
      while (channel.trySend(new Uint8Array(1000)));
      const abort = new AbortController();

      const late = assert.rejects(channel.send(new Uint8Array(1000), { timeoutMs: 10 }), { code: 'ERR_VMBUS_TIMEOUT' });
      const aborted = assert.rejects(channel.send(new Uint8Array(1000), { signal: abort.signal }), {
        name: 'AbortError',
      });
      abort.abort();
      await Promise.all([late, aborted]);

      assert.equal(channel.stats().queuedSends, 0);
    }));

  it('makes the host wait when the guest does not read, and goes on without loss', () =>
    withPair(async ({ channel, provider }) => {
      let sent = 0;
      const count = 5000;
      const fill = (): void => {
        while (sent < count && provider.host.send(patterned(200, sent))) sent += 1;
      };
      provider.onSpace = fill;
      fill();
      const before = sent;
      await turn();
      assert.ok(before < count, 'the ring holds less than that');
      assert.equal(sent, before, 'the guest takes nothing while nobody reads');

      let seen = 0;
      for await (const { payload } of channel) {
        assert.deepEqual(payload, patterned(200, seen));
        if (++seen === count) break;
      }
    }));
});

describe('a request', () => {
  it('gets its own answer, a thousand at a time and out of order', () =>
    withPair(
      async ({ channel, provider }) => {
        const open: { id: bigint; payload: Uint8Array }[] = [];
        provider.onPacket = (host, { transactionId, payload }) => {
          open.push({ id: transactionId, payload: payload.slice() });
          if (open.length < 50) return;
          for (const { id, payload: answer } of open.splice(0).reverse()) assert.ok(host.complete(id, answer));
        };

        const answers = await Promise.all(
          Array.from({ length: 1000 }, (_, i) => channel.request(patterned(48, i), { timeoutMs: 20_000 })),
        );

        for (const [i, { type, payload }] of answers.entries())
          assert.deepEqual([type, payload], [11, patterned(48, i)]);
        assert.equal(channel.stats().pendingRequests, 0);
      },
      new Scripted('roomy', 512 * 1024),
    ));

  it('can be made from within a loop over the packets', () =>
    withPair(async ({ channel, provider }) => {
      provider.onPacket = (host, { transactionId, payload }) => void host.complete(transactionId, payload);
      for (let i = 0; i < 300; i++) provider.host.send(bytes(i & 0xff));
      let seen = 0;

      for await (const { payload } of channel) {
        assert.equal(payload[0], seen & 0xff);
        const answer = await channel.request(payload);
        assert.deepEqual(answer.payload, payload);
        if (++seen === 300) break;
      }
    }));

  it('is aborted before, while and after it waits', () =>
    withPair(async ({ channel, provider }) => {
      const reason = new Error('mine');
      const isMine = (error: unknown): boolean => error === reason;
      const during = new AbortController();
      const after = new AbortController();
      const waiting = channel.request(bytes(1), { signal: during.signal });
      await until(() => provider.packets.length === 1);
      during.abort(reason);
      await assert.rejects(waiting, isMine);
      await assert.rejects(channel.request(bytes(2), { signal: during.signal }), isMine);

      provider.onPacket = (host, { transactionId, payload }) => void host.complete(transactionId, payload);
      const answered = await channel.request(bytes(3), { signal: after.signal });
      after.abort(reason);

      assert.deepEqual(answered.payload, padded(bytes(3)));
      assert.equal(channel.isOpen, true);
    }));

  it('times out, and its late completion is counted and dropped', () =>
    withPair(async ({ channel, provider }) => {
      await assert.rejects(channel.request(bytes(1), { timeoutMs: 10 }), { code: 'ERR_VMBUS_TIMEOUT' });
      const [late] = provider.packets;
      provider.host.complete(late?.transactionId ?? 0n, bytes(1));
      provider.host.send(bytes(2));

      for await (const { payload } of channel) {
        assert.deepEqual(payload, padded(bytes(2)));
        break;
      }
      assert.equal(channel.stats().unexpectedCompletions, 1);
    }));

  it('is answered although signals get lost', () =>
    withPair(async ({ channel, provider }) => {
      provider.onPacket = (host, { transactionId, payload }) => {
        host.faults.dropSignals(1);
        host.complete(transactionId, payload);
      };

      const { payload } = await channel.request(bytes(7));

      assert.deepEqual(payload, padded(bytes(7)));
    }));

  it('finds its completion with busy polling, too', () =>
    withPair(
      async ({ channel, provider }) => {
        provider.onPacket = (host, { transactionId, payload }) => void host.complete(transactionId, payload);
        for (let i = 0; i < 20; i++) await channel.request(bytes(i));
        provider.host.send(bytes(1));
        assert.equal(await channel.readable(), true);
      },
      new Scripted(),
      { busyPollUs: 50, batchPackets: 1, arenaBytes: 64 },
    ));
});
