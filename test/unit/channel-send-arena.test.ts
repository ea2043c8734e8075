// SPDX-License-Identifier: MIT
//
// Packets that are sent from where they lie: over an addon without rings.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, it } from 'node:test';
import type { PacketMessage } from '../../dist/channel/diagnostics.js';
import { openFake } from './channel-fake-binding.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('trySendArena()', () => {
  it('sends what was added, in order, from the packet it is told, as far as it fits', async () => {
    const { fake, channel } = await openFake();
    const arena = channel.sendArena({ bytes: 64, packets: 4 });
    arena.bytes.set([1, 2, 3], 16);
    arena.add(16, 3);
    arena.add(17, 1, -1, 5, 9, 1);
    arena.add(18, 1);
    fake.space = 2;

    assert.equal(channel.trySendArena(arena), 2);
    fake.space = 10;
    assert.equal(channel.trySendArena(arena, 2), 1);
    assert.equal(channel.trySendArena(arena, 3), 0);

    const plain = { type: 6, flags: 0, idLow: 0, idHigh: 0, headerBytes: 0 };
    assert.deepEqual(fake.sent, [
      { ...plain, payload: bytes(1, 2, 3) },
      { type: 9, flags: 1, idLow: -1, idHigh: 5, headerBytes: 0, payload: bytes(2) },
      { ...plain, payload: bytes(3) },
    ]);
  });

  it('sends the same packets again, others after clear(), and leaves trySendMany() its own memory', async () => {
    const { fake, channel } = await openFake();
    const arena = channel.sendArena({ bytes: 8 });
    arena.bytes.set([7, 8]);
    arena.add(0, 1);

    channel.trySendArena(arena);
    channel.trySendMany([bytes(50)]);
    channel.trySendArena(arena);
    arena.clear();
    arena.add(1, 1);
    channel.trySendArena(arena);

    assert.deepEqual(
      fake.sent.map(({ payload }) => payload[0]),
      [7, 50, 7, 8],
    );
  });

  it('sends nothing while others wait for space', async () => {
    const { fake, channel } = await openFake();
    const arena = channel.sendArena();
    arena.add(0, 1);
    fake.space = 0;
    const waiting = channel.send(bytes(1));

    assert.equal(channel.trySendArena(arena), 0);

    fake.space = 2;
    fake.wake();
    await waiting;
    assert.equal(channel.trySendArena(arena), 1);
  });

  it('tells subscribers of what was written', async () => {
    const { fake, channel } = await openFake();
    const seen: unknown[] = [];
    const listen = (message: unknown): void => {
      const { type, flags, transactionId, payload } = message as PacketMessage;
      seen.push([type, flags, transactionId, ...payload]);
    };
    const arena = channel.sendArena();
    arena.bytes.set([1, 2]);
    for (let i = 0; i < 3; i++) arena.add(i, 1, i, 1, 6 + i, i & 1);
    fake.space = 2;
    subscribe('vmbus:packet:sent', listen);
    channel.trySendArena(arena);
    unsubscribe('vmbus:packet:sent', listen);

    assert.deepEqual(seen, [
      [6, 0, 0x1_0000_0000n, 1],
      [7, 1, 0x1_0000_0001n, 2],
    ]);
  });

  it('refuses what cannot be: places, sizes, types, one packet too many, and arenas of others', async () => {
    const { fake, channel } = await openFake();
    const { channel: other } = await openFake();
    const arena = channel.sendArena({ bytes: 2000, packets: 1 });
    const wrong: readonly (readonly [readonly unknown[], string])[] = [
      [[-1, 1], 'ERR_OUT_OF_RANGE'],
      [[0.5, 1], 'ERR_OUT_OF_RANGE'],
      [[2000, 1], 'ERR_OUT_OF_RANGE'],
      [[2 ** 32, 1], 'ERR_OUT_OF_RANGE'],
      [[0, -1], 'ERR_OUT_OF_RANGE'],
      [[0, 1001], 'ERR_VMBUS_TOO_LARGE'],
      [[0, Number.NaN], 'ERR_OUT_OF_RANGE'],
      [['0', 1], 'ERR_INVALID_ARG_TYPE'],
      [[0, 1, 0, 0, 0], 'ERR_OUT_OF_RANGE'],
      [[0, 1, 0, 0, 0x1_0000], 'ERR_OUT_OF_RANGE'],
      [[0, 1, 0, 0, 6, 2], 'ERR_OUT_OF_RANGE'],
    ];
    for (const [args, code] of wrong) {
      assert.throws(() => (arena.add as (...args: unknown[]) => void)(...args), { code }, String(args));
    }
    assert.equal(arena.length, 0);
    arena.add(1000, 1000);
    assert.throws(() => arena.add(0, 1), { code: 'ERR_OUT_OF_RANGE', message: /its capacity of 1/ });
    assert.throws(() => other.trySendArena(arena), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => channel.trySendArena(arena, 2), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => channel.sendArena({ bytes: 0 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => channel.sendArena({ packet: 1 } as never), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.equal(fake.sent.length, 0);
  });
});
