// SPDX-License-Identifier: MIT
//
// The addon's channels: packets between both ends, full rings, signals.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseEvent, LeaseInspect, NOTHING_AWAITED, ROW_WORDS, Status } from '../../dist/native/binding.js';
import { ARENA_BYTES, binding, DATA_BYTES, Pair, turn } from './native-pair.js';

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

  for (const [first, count] of [
    [65, 0],
    [0, 65],
    [64, 1],
    [-1, 1],
    [0, -1],
    [0x7fffffff, 0x7fffffff],
  ] as const) {
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

test('whoever gave up waiting for space on a ring that is full to the brim is not woken for it', async () => {
  await using pair = await Pair.open();
  while (pair.guest.send(new Uint8Array(1000)) === 0);
  // 24 bytes are left: too few even for a packet without payload.
  assert.equal(pair.guest.send(new Uint8Array(ringBytes(1000) - ringBytes(24))), 0);
  assert.equal(binding.awaitSpace(pair.guest.handle, 0), 0);

  assert.equal(binding.awaitSpace(pair.guest.handle, NOTHING_AWAITED), 1);

  assert.equal(pair.guest.inspect('outPending'), 0);
  assert.ok(pair.host.drain() > 0);
  await turn();
  assert.deepEqual(pair.leaseEvents.seen, []);
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
  // Some kernels unmask with every doorbell they are asked for.
  binding.pokeHeader(pair.host.handle, 1, 2, 0);

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
  const out = new Float64Array(LeaseInspect.words);
  binding.inspectLease(pair.lease, out);
  assert.equal(out[LeaseInspect.doorbellWrites], 0);
});
