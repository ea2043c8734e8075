// SPDX-License-Identifier: MIT
//
// The addon's channels: packets between both ends, full rings, signals, broken peers, wrong arguments.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseEvent, ROW_WORDS, Status } from '../../dist/native/binding.js';
import { ARENA_BYTES, binding, DATA_BYTES, End, Pair, turn } from './native-pair.js';

/** Bytes a plain packet takes in the ring. */
const ringBytes = (payload: number): number => ((payload + 7) & ~7) + 24;

test('a packet arrives with its type, flags, id and its payload padded with zeros', async () => {
  await using pair = await Pair.open();

  assert.equal(pair.guest.send(Uint8Array.of(1, 2, 3), 6, 1, 0x89abcdef, 0xfedcba98), 0);
  assert.equal(pair.host.drain(), 1);

  assert.deepEqual(pair.host.row(0), [6, 1 | (2 << 16), 0, 8, 0x89abcdef | 0, 0xfedcba98 | 0]);
  assert.deepEqual([...pair.host.payload(0)], [1, 2, 3, 0, 0, 0, 0, 0]);
  assert.equal(pair.host.drain(), 0);
});

test('header bytes lie directly before the payload', async () => {
  await using pair = await Pair.open();
  const body = Uint8Array.from({ length: 32 }, (_, i) => i + 1);

  pair.host.send(body, 9, 0, 0, 0, 4);
  assert.equal(pair.guest.drain(), 1);

  const [type, flags, offset = 0, length] = pair.guest.row(0);
  assert.deepEqual([type, flags, offset, length], [9, 4 << 16, 16, 16]);
  assert.deepEqual(pair.guest.receiveArena.slice(offset - 16, offset + 16), body);
});

test('an empty payload is a packet', async () => {
  await using pair = await Pair.open();

  assert.equal(pair.guest.send(new Uint8Array(0)), 0);

  assert.equal(pair.host.drain(), 1);
  assert.equal(pair.host.row(0)[3], 0);
});

test('payloads come whole around the end of the ring, many times over', async () => {
  await using pair = await Pair.open();
  for (let i = 0; i < 200; i++) {
    const body = new Uint8Array(1000 + i).fill(i);

    assert.equal(pair.guest.send(body, 6, 0, i), 0);
    assert.equal(pair.host.drain(), 1);

    assert.equal(pair.host.row(0)[4], i);
    assert.deepEqual(pair.host.payload(0).slice(0, body.length), body);
  }
});

test('drain stops at the number asked for and goes on from there', async () => {
  await using pair = await Pair.open();
  for (let i = 0; i < 5; i++) pair.guest.send(new Uint8Array(8), 6, 0, i);

  assert.equal(pair.host.drain(2), 2);
  assert.equal(pair.host.drain(2), 2);
  assert.equal(pair.host.drain(2), 1);

  assert.equal(pair.host.row(0)[4], 4);
});

test('a packet that does not fit the arena says how many bytes it needs, and waits', async () => {
  await using pair = await Pair.open();
  binding.setReceiveArena(pair.host.handle, new Uint8Array(64), pair.host.receiveIndex);
  pair.guest.send(new Uint8Array(100));

  assert.equal(pair.host.drain(), Status.arenaTooSmall);
  assert.equal(pair.host.receiveIndex[0], 104);

  binding.setReceiveArena(pair.host.handle, pair.host.receiveArena, pair.host.receiveIndex);
  assert.equal(pair.host.drain(), 1);
});

test('the largest payload fits an empty ring, one byte more never does', async () => {
  await using pair = await Pair.open();
  const largest = binding.largestPayload(pair.guest.handle);

  assert.equal(largest, DATA_BYTES - 24 - 8);
  assert.equal(pair.guest.send(new Uint8Array(largest + 1)), Status.tooLarge);
  assert.equal(pair.guest.send(new Uint8Array(largest)), 0);
  assert.equal(pair.guest.send(new Uint8Array(0)), Status.full);
  assert.equal(pair.guest.inspect('fulls'), 1);
});

test('writeMany sends rows in order and answers how many fit', async () => {
  await using pair = await Pair.open();
  const fit = Math.floor((DATA_BYTES - 8) / ringBytes(1000));
  for (let i = 0; i < 64; i++) pair.guest.sendIndex.set([6, 2 << 16, i * 1000, 1000, i, 0], i * ROW_WORDS);

  assert.equal(binding.writeMany(pair.guest.handle, 0, 64), fit);
  assert.equal(binding.writeMany(pair.guest.handle, fit, 64 - fit), 0);
  assert.equal(pair.host.drain(), fit);

  assert.equal(pair.host.row(fit - 1)[4], fit - 1);
  assert.equal(binding.writeMany(pair.guest.handle, fit, 64 - fit), fit);
});

test('writeMany sends header bytes that lie before the payload', async () => {
  await using pair = await Pair.open();
  pair.guest.sendArena.set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
  pair.guest.sendIndex.set([7, 3 << 16, 8, 8, 0, 0]);

  assert.equal(binding.writeMany(pair.guest.handle, 0, 1), 1);
  assert.equal(pair.host.drain(), 1);

  assert.deepEqual(pair.host.row(0).slice(0, 4), [7, 3 << 16, 8, 8]);
  assert.deepEqual([...pair.host.receiveArena.slice(0, 16)], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
});

const badRows: readonly (readonly [string, readonly number[]])[] = [
  ['an offset before the arena', [6, 2 << 16, -8, 8, 0, 0]],
  ['an end behind the arena', [6, 2 << 16, ARENA_BYTES - 7, 8, 0, 0]],
  ['a negative length', [6, 2 << 16, 0, -1, 0, 0]],
  ['an offset and a length whose sum overflows', [6, 2 << 16, 0x7fffffff, 0x7fffffff, 0, 0]],
  ['header bytes before the arena', [6, 4 << 16, 8, 8, 0, 0]],
  ['a payload inside the descriptor', [6, 1 << 16, 0, 8, 0, 0]],
  ['a type of more than 16 bits', [0x10000, 2 << 16, 0, 8, 0, 0]],
];
for (const [what, row] of badRows) {
  test(`writeMany refuses a row with ${what} and writes nothing`, async () => {
    await using pair = await Pair.open();
    pair.guest.sendIndex.set(row);

    assert.equal(binding.writeMany(pair.guest.handle, 0, 1), Status.badRow);

    assert.equal(pair.host.drain(), 0);
  });
}

test('writeMany keeps what came before a bad row', async () => {
  await using pair = await Pair.open();
  pair.guest.sendIndex.set([6, 2 << 16, 0, 8, 1, 0, 6, 2 << 16, -1, 8, 2, 0]);

  assert.equal(binding.writeMany(pair.guest.handle, 0, 2), 1);
  assert.equal(binding.writeMany(pair.guest.handle, 1, 1), Status.badRow);

  assert.equal(pair.host.drain(), 1);
});

test('writeMany refuses rows that are not in the index', async () => {
  await using pair = await Pair.open();

  for (const [first, count] of [[65, 0], [0, 65], [64, 1], [-1, 1], [0, -1], [0x7fffffff, 0x7fffffff]] as const) {
    assert.equal(binding.writeMany(pair.guest.handle, first, count), Status.badRow, `${first}, ${count}`);
  }
});

test('a writer that waits for space is woken when enough of it is free', async () => {
  await using pair = await Pair.open();
  while (pair.guest.send(new Uint8Array(1000)) === 0);
  assert.equal(binding.awaitSpace(pair.guest.handle, 1000), 0);

  assert.ok(pair.host.drain() > 0);
  await pair.leaseEvents.reach(1);

  assert.deepEqual(pair.leaseEvents.seen, [LeaseEvent.wake]);
  assert.equal(binding.awaitSpace(pair.guest.handle, 1000), 1);
  assert.equal(pair.guest.send(new Uint8Array(1000)), 0);
  assert.equal(pair.guest.inspect('outPending'), 0);
});

test('a host that waits for space gets a doorbell when the guest frees it', async () => {
  await using pair = await Pair.open();
  while (pair.host.send(new Uint8Array(1000)) === 0);
  assert.equal(binding.awaitSpace(pair.host.handle, 1000), 0);
  await turn();
  const before = pair.doorbells;

  assert.ok(pair.guest.drain() > 0);
  await turn();

  assert.equal(pair.doorbells, before + 1);
});

test('a sleeping host gets one doorbell for many packets, a draining one none', async () => {
  await using pair = await Pair.open();

  for (let i = 0; i < 5; i++) pair.guest.send(new Uint8Array(8));
  await turn();
  assert.equal(pair.doorbells, 1);
  assert.equal(pair.host.drain(2), 2);
  for (let i = 0; i < 5; i++) pair.guest.send(new Uint8Array(8));
  await turn();

  assert.equal(pair.doorbells, 1);
});

test('a doorbell leaves the ring masked while its owner drains', async () => {
  await using pair = await Pair.open();
  pair.host.send(new Uint8Array(8));
  pair.host.send(new Uint8Array(8));
  assert.equal(pair.guest.drain(1), 1);
  assert.equal(pair.guest.inspect('inMask'), 1);

  pair.guest.send(new Uint8Array(8));

  assert.equal(pair.guest.inspect('doorbells'), 1);
  assert.equal(pair.guest.inspect('inMask'), 1);
});

test('draining to the end unmasks, once', async () => {
  await using pair = await Pair.open();
  pair.host.send(new Uint8Array(8));

  assert.equal(pair.guest.drain(), 1);
  assert.equal(pair.guest.inspect('inMask'), 1);
  assert.equal(pair.guest.drain(), 0);
  assert.equal(pair.guest.inspect('inMask'), 0);

  const arms = pair.guest.inspect('arms');
  for (let i = 0; i < 10; i++) assert.equal(pair.guest.drain(), 0);
  assert.equal(pair.guest.inspect('arms'), arms);
});

test('a ring that the kernel masked with its wake is armed again by the drain after it', async () => {
  await using pair = await Pair.open();
  // What older kernels do in their interrupt handler: mask first, then count the event.
  binding.pokeHeader(pair.host.handle, 1, 2, 1);
  binding.wakeGuest(pair.node);
  await pair.leaseEvents.reach(1);

  assert.equal(pair.guest.drain(), 0);

  assert.equal(pair.guest.inspect('inMask'), 0);
});

test('without arming an empty drain leaves the ring masked and no wake follows', async () => {
  await using pair = await Pair.open();
  assert.equal(binding.setArming(pair.guest.handle, false), 0);
  assert.equal(pair.guest.drain(), 0);

  pair.host.send(new Uint8Array(8));
  await turn();

  assert.equal(pair.guest.inspect('inMask'), 1);
  assert.deepEqual(pair.leaseEvents.seen, []);
  assert.equal(pair.guest.drain(), 1);
});

test('a lost signal is lost, and the packet is there all the same', async () => {
  await using pair = await Pair.open();
  binding.dropSignals(pair.host.handle, 1);

  pair.host.send(new Uint8Array(8));
  await turn();

  assert.deepEqual(pair.leaseEvents.seen, []);
  assert.equal(pair.guest.drain(), 1);
});

test('the doorbell of a fast channel goes through the monitor page, not through the socket', async () => {
  await using pair = await Pair.open({ monitorId: 37 });

  pair.guest.send(new Uint8Array(8));
  await pair.nodeEvents.reach(2);

  assert.equal(pair.doorbells, 1);
  assert.equal(pair.host.drain(), 1);
  const out = new Float64Array(7);
  binding.inspectLease(pair.lease, out);
  assert.equal(out[4], 0, '4-byte writes');
});

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
    undefined, null, true, '', 'x', Number.NaN, -1, 0, 1.5, 2 ** 31, 2 ** 32 + 1, Infinity, 10n, {}, [], () => {},
    Symbol('s'), new Uint8Array(3), new Int32Array(6), new Float64Array(1), pair.guest.handle, pair.lease, pair.node,
    new Proxy({}, { get: () => { throw new Error('trap'); } }), { ringBytes: -1 }, new ArrayBuffer(8), new Date(),
  ];
  // Of the functions that close what the test holds, the first argument would find it.
  const spared = new Set(['closeLease', 'closeChannel', 'closeNode', 'openUevents', 'serveNode', 'refLease', 'refNode', 'addRing']);
  const functions = Object.entries(binding).filter(([name, value]) => typeof value === 'function' && !spared.has(name));
  let seed = 12345;
  const pick = (): unknown => garbage[(seed = (seed * 1103515245 + 12345) & 0x7fffffff) % garbage.length];
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
