// SPDX-License-Identifier: MIT
//
// The addon's channels under attack: peers that break the rules of the ring, arenas that are taken away, wrong arguments.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Status } from '../../dist/native/binding.js';
import { binding, End, Pair, turn } from './native-pair.js';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

const brokenRings: readonly (readonly [string, number, number])[] = [
  ['write index out of range', 0, 0xfffffff8],
  ['write index misaligned', 0, 12],
  ['packet shorter than its descriptor', 0, 16],
];
for (const [name, word, value] of brokenRings) {
  test(`the guest's drain answers "${name}" when the host breaks that rule, now and ever after`, async () => {
    await using pair = await Pair.open();
    binding.pokeHeader(pair.host.handle, 1, word, value);

    const status = pair.guest.drain();

    assert.ok(status < 0 && status > -100, String(status));
    if (name.startsWith('write')) assert.equal(binding.violationName(-status), name);
    assert.equal(pair.guest.drain(), status);
    assert.equal(pair.guest.inspect('violation'), -status);
  });
}

test('a read index that runs ahead of the writer ends the sending side', async () => {
  await using pair = await Pair.open();
  pair.guest.send(new Uint8Array(8));
  binding.pokeHeader(pair.host.handle, 0, 1, 4096);

  // The writer looks at the read index only when it is about to wait.
  const status = binding.awaitSpace(pair.guest.handle, 8);

  assert.equal(binding.violationName(-status), 'read index beyond published bytes');
  assert.equal(pair.guest.send(new Uint8Array(8)), status);
});

test('bytes that are no packet are a violation', async () => {
  await using pair = await Pair.open();

  assert.equal(binding.writeRaw(pair.host.handle, new Uint8Array(32).fill(0xff)), 0);

  const status = pair.guest.drain();
  assert.ok(status < 0 && status > -100, String(status));
});

test('an arena whose buffer was taken away is not written to', async () => {
  await using pair = await Pair.open();
  structuredClone(pair.host.receiveArena.buffer, { transfer: [pair.host.receiveArena.buffer] });
  pair.guest.send(Uint8Array.of(1));

  assert.equal(pair.host.drain(), Status.arenaTooSmall);
  structuredClone(pair.host.receiveIndex.buffer, { transfer: [pair.host.receiveIndex.buffer] });
  assert.equal(pair.host.drain(), Status.badRow);

  structuredClone(pair.guest.sendArena.buffer, { transfer: [pair.guest.sendArena.buffer] });
  pair.guest.sendIndex.set([6, 2 << 16, 0, 8, 0, 0]);
  assert.equal(binding.writeMany(pair.guest.handle, 0, 1), Status.badRow);
});

/** Node 20 copies instead, later versions refuse; what the language itself has for it detaches the buffer. */
function tryToTake(buffer: ArrayBuffer & { transfer?: () => ArrayBuffer }): void {
  try {
    structuredClone(buffer, { transfer: [buffer] });
  } catch (error) {
    assert.equal((error as Error).name, 'DataCloneError');
  }
  buffer.transfer?.();
}

test('memory of the addon stays where it is when its buffer is taken away', async () => {
  await using pair = await Pair.open();
  const arena = new Uint8Array(binding.newMemory(4096));
  const index = new Int32Array(binding.newMemory(6 * 4));
  assert.ok(arena.every((byte) => byte === 0));
  binding.setReceiveArena(pair.host.handle, arena, index);
  tryToTake(arena.buffer);

  pair.guest.send(Uint8Array.of(1, 2, 3));
  assert.equal(pair.host.drain(), 1);
  if (arena.length > 0) assert.deepEqual([...arena.subarray(0, 3)], [1, 2, 3]);
});

test('memory of the addon stays as long as a channel has it', async () => {
  await using pair = await Pair.open();
  for (let i = 0; i < 50; i++) {
    const arena = new Uint8Array(binding.newMemory(1 << 20));
    binding.setReceiveArena(pair.host.handle, arena, new Int32Array(binding.newMemory(24)));
    if (i % 2 === 1) tryToTake(arena.buffer);
    collect();
    await turn();
    pair.guest.send(new Uint8Array(900).fill(i));
    assert.equal(pair.host.drain(), 1);
  }
});

test('memory of a size that cannot be is refused', () => {
  for (const bytes of [0, -1, 0.5, 2 ** 40, Number.NaN, '8']) {
    assert.throws(() => binding.newMemory(bytes as number), TypeError);
  }
});

test('arenas of the wrong kind are refused', async () => {
  await using pair = await Pair.open();
  const { handle } = pair.guest;
  const index = new Int32Array(6);
  const set = binding.setReceiveArena as (...words: unknown[]) => number;

  assert.throws(() => set(handle, new Uint8Array(new ArrayBuffer(64), 4), index), RangeError);
  assert.throws(() => set(handle, new Uint16Array(64), index), TypeError);
  assert.throws(() => set(handle, new Uint8Array(64), new Int32Array(5)), TypeError);
  assert.throws(() => set(handle, new Uint8Array(64), new Float64Array(6)), TypeError);
  assert.throws(() => set(handle, undefined, index), TypeError);
});

test('a channel without an arena answers badRow as soon as there is something to put into it', async () => {
  await using pair = await Pair.open();
  const bare = binding.attachPrimary(pair.lease);

  assert.equal(binding.drain(bare, 1), 0);
  pair.host.send(new Uint8Array(8));
  assert.equal(binding.drain(bare, 1), Status.badRow);
  assert.equal(binding.writeMany(bare, 0, 1), Status.badRow);
});

test('two handles of one channel share its place in the ring', async () => {
  await using pair = await Pair.open();
  const second = new End(binding.attachPrimary(pair.lease));
  for (let i = 0; i < 3; i++) pair.host.send(new Uint8Array(8), 6, 0, i);

  assert.equal(pair.guest.drain(1), 1);
  assert.equal(second.drain(1), 1);
  assert.equal(second.row(0)[4], 1);
  assert.equal(pair.guest.drain(), 1);
  assert.equal(pair.guest.row(0)[4], 2);
});

test('no argument, however wrong, brings the process down', async () => {
  await using pair = await Pair.open();
  const garbage: unknown[] = [
    undefined,
    null,
    true,
    '',
    'x',
    Number.NaN,
    -1,
    0,
    1.5,
    2 ** 31,
    2 ** 32 + 1,
    Infinity,
    10n,
    {},
    [],
    () => {},
    Symbol('s'),
    new Uint8Array(3),
    new Int32Array(6),
    new Float64Array(1),
    pair.guest.handle,
    pair.lease,
    pair.node,
    new Proxy(
      {},
      {
        get: () => {
          throw new Error('trap');
        },
      },
    ),
    { ringBytes: -1 },
    new ArrayBuffer(8),
    new Date(),
  ];
  // Of the functions that close what the test holds, the first argument would find it.
  const spared = new Set([
    'closeLease',
    'closeChannel',
    'closeNode',
    'openUevents',
    'serveNode',
    'serveService',
    'openService',
    'refLease',
    'refNode',
    'addRing',
  ]);
  const functions = Object.entries(binding).filter(([name, value]) => typeof value === 'function' && !spared.has(name));
  let seed = 12345;
  const pick = (): unknown => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return garbage[seed % garbage.length];
  };
  for (const [, call] of functions) {
    for (let i = 0; i < 300; i++) {
      const words = Array.from({ length: i % 8 }, pick);
      try {
        Reflect.apply(call as () => void, binding, words);
      } catch (error) {
        assert.ok(error instanceof Error);
      }
    }
  }
  assert.equal(typeof binding.drain(pair.guest.handle, 1), 'number');
});
