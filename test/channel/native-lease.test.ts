// SPDX-License-Identifier: MIT
//
// The addon's leases: opening, failing to open, losing and closing a node.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { test } from 'node:test';
import { LeaseEvent, OpenStage, Status } from '../../dist/native/binding.js';
import {
  binding,
  closeLease,
  End,
  EventLog,
  inspectLease,
  openLease,
  Pair,
  RING_BYTES,
  TestFolder,
  turn,
} from './native-pair.js';

const { ENOENT, ECONNREFUSED, EAGAIN, ETIMEDOUT } = constants.errno;

test('a lease of a simulated node knows its kind, its ring bytes and an unmasked in-ring', async () => {
  await using pair = await Pair.open();

  assert.equal(inspectLease(pair.lease, 'kind'), 1);
  assert.equal(inspectLease(pair.lease, 'ringBytes'), RING_BYTES);
  assert.equal(inspectLease(pair.lease, 'maskAtOpen'), 0);
  assert.equal(inspectLease(pair.lease, 'faulted'), 0);
  assert.equal(inspectLease(pair.lease, 'fromRingFile'), 0);
  assert.deepEqual([inspectLease(pair.lease, 'major'), inspectLease(pair.lease, 'minor')], [0, 0]);
});

test('both rings of a fresh node are empty and say that their writer uses the pending size', async () => {
  await using pair = await Pair.open();

  for (const word of ['inWrite', 'inRead', 'outWrite', 'outRead', 'inPending', 'outPending'] as const) {
    assert.equal(pair.guest.inspect(word), 0, word);
  }
  assert.equal(pair.guest.inspect('inFeatures'), 1);
  assert.equal(pair.guest.inspect('outFeatures'), 1);
});

test('a missing node fails at stage find', async () => {
  using folder = new TestFolder();

  assert.deepEqual(await openLease(folder.file('uio7')), { errno: ENOENT, stage: OpenStage.find, lease: 0 });
});

test('what is no node fails at stage kind and is not opened', async () => {
  using folder = new TestFolder();
  writeFileSync(folder.file('plain'), '');
  mkdirSync(folder.file('folder'));

  for (const path of [folder.file('plain'), folder.file('folder'), '/dev/null']) {
    assert.deepEqual(await openLease(path), { errno: 0, stage: OpenStage.kind, lease: 0 }, path);
  }
});

test('a socket of another type is refused at stage connect', async () => {
  using folder = new TestFolder();
  const server = createServer().listen(folder.file('stream'));
  await new Promise((resolve) => server.on('listening', resolve));

  const { errno, stage } = await openLease(folder.file('stream'));

  assert.equal(stage, OpenStage.connect);
  assert.equal(errno, constants.errno.EPROTOTYPE);
  server.close();
});

test('the socket of a dead host is refused at stage connect', async () => {
  using folder = new TestFolder();
  const path = folder.file('uio0');
  const node = binding.serveNode(path, RING_BYTES, -1, () => {});
  const { linkSync } = await import('node:fs');
  linkSync(path, folder.file('kept'));
  binding.closeNode(node);

  assert.deepEqual(await openLease(folder.file('kept')), { errno: ECONNREFUSED, stage: OpenStage.connect, lease: 0 });
});

test('a host that does not answer in time fails at stage connect', async () => {
  using folder = new TestFolder();
  const path = folder.file('uio0');
  const node = binding.serveNode(path, RING_BYTES, -1, () => {});

  const opening = openLease(path, { timeoutMs: 50 });
  // The node is served by this thread, which now looks away for longer than the guest waits.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);

  assert.deepEqual(await opening, { errno: ETIMEDOUT, stage: OpenStage.connect, lease: 0 });
  binding.closeNode(node);
});

test('an exclusive open fails while another holds the node, a shared one does not', async () => {
  await using pair = await Pair.open();

  assert.deepEqual(await openLease(pair.path), { errno: EAGAIN, stage: OpenStage.lock, lease: 0 });
  const shared = await openLease(pair.path, { exclusive: false });
  assert.equal(shared.errno, 0);
  assert.equal(await closeLease(shared.lease), 0);
});

test('the lock goes with the lease', async () => {
  await using pair = await Pair.open();
  assert.equal(await closeLease(pair.lease), 0);

  const again = await openLease(pair.path);

  assert.equal(again.errno, 0);
  await closeLease(again.lease);
});

test('a node far down a long path is served and opened', async () => {
  using folder = new TestFolder();
  const deep = folder.file('x'.repeat(120));
  mkdirSync(deep);
  const node = binding.serveNode(`${deep}/uio0`, RING_BYTES, -1, () => {});
  assert.ok(node > 0);

  const { errno, lease } = await openLease(`${deep}/uio0`);

  assert.equal(errno, 0);
  await closeLease(lease);
  binding.closeNode(node);
});

test('indices outside the data area fail at stage header with the number of the violation', async () => {
  await using pair = await Pair.open();
  binding.pokeHeader(pair.host.handle, 1, 0, 0xfffffff8);

  const { errno, stage } = await openLease(pair.path, { exclusive: false });

  assert.equal(stage, OpenStage.header);
  assert.equal(binding.violationName(errno), 'write index out of range');
});

test('a wake of the host is one event', async () => {
  await using pair = await Pair.open();

  binding.wakeGuest(pair.node);
  await pair.leaseEvents.reach(1);

  assert.deepEqual(pair.leaseEvents.seen, [LeaseEvent.wake]);
  assert.equal(inspectLease(pair.lease, 'wakes'), 1);
});

test('wakes that queued up are one event, and all counted', async () => {
  await using pair = await Pair.open();

  for (let i = 0; i < 10; i++) binding.wakeGuest(pair.node);
  await pair.leaseEvents.reach(1);
  await turn();

  assert.deepEqual(pair.leaseEvents.seen, [LeaseEvent.wake]);
  assert.equal(inspectLease(pair.lease, 'wakes'), 10);
});

test('a withdrawn node is told once, and its channel answers rescinded', async () => {
  await using pair = await Pair.open();

  binding.closeNode(pair.node);
  await pair.leaseEvents.reach(1);
  await turn();

  assert.deepEqual(pair.leaseEvents.seen, [LeaseEvent.rescinded]);
  assert.equal(pair.guest.drain(), Status.rescinded);
  assert.equal(pair.guest.send(new Uint8Array(8)), Status.rescinded);
  assert.equal(binding.awaitSpace(pair.guest.handle, 8), Status.rescinded);
});

test('packets that were woken for before the end can still be taken', async () => {
  await using pair = await Pair.open();
  let drained = -1;
  const events = new EventLog<number>();
  await closeLease(pair.lease);
  const { lease } = await openLease(pair.path, {}, (event) => {
    if (event === LeaseEvent.wake) drained = guest.drain();
    events.push(event);
  });
  const guest = new End(binding.attachPrimary(lease));
  assert.equal(guest.drain(), 0);

  pair.host.send(new Uint8Array(8));
  binding.closeNode(pair.node);
  await events.reach(2);

  assert.equal(drained, 1);
  assert.deepEqual(events.seen, [LeaseEvent.wake, LeaseEvent.rescinded]);
  await closeLease(lease);
});

test('everything of a closed lease answers closed, and closing again is no error', async () => {
  await using pair = await Pair.open();

  assert.equal(await closeLease(pair.lease), 0);

  assert.equal(pair.guest.drain(), Status.closed);
  assert.equal(pair.guest.send(new Uint8Array(8)), Status.closed);
  assert.equal(binding.attachPrimary(pair.lease), Status.closed);
  assert.equal(binding.leaseToken(pair.lease), Status.closed);
  assert.equal(binding.inspectChannel(pair.guest.handle, new Float64Array(19)), Status.closed);
  assert.equal(await closeLease(pair.lease), 0);
});

test('a handle is not used again', async () => {
  await using pair = await Pair.open();
  const first = binding.attachPrimary(pair.lease);
  binding.closeChannel(first);

  const second = binding.attachPrimary(pair.lease);

  assert.notEqual(second, first);
  assert.equal(binding.drain(first, 1), Status.closed);
});

test('no event follows a close', async () => {
  await using pair = await Pair.open();
  for (let i = 0; i < 3; i++) binding.wakeGuest(pair.node);

  await closeLease(pair.lease);
  await turn();

  assert.deepEqual(pair.leaseEvents.seen, []);
});
