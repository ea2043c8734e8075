// SPDX-License-Identifier: MIT
//
// The addon's host side: serving nodes, connections, rings of subchannels.

import assert from 'node:assert/strict';
import { existsSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { test } from 'node:test';
import { LeaseEvent, NodeEvent, OpenStage, Status } from '../../dist/native/binding.js';
import {
  binding,
  closeLease,
  DATA_BYTES,
  End,
  EventLog,
  openLease,
  Pair,
  RING_BYTES,
  TestFolder,
  turn,
} from './native-pair.js';

const { ECONNRESET, EINVAL, EADDRINUSE, ENOENT, ENOTSUP, EPROTO } = constants.errno;

test('a served node is a socket for its owner only, and goes with the node', async () => {
  using folder = new TestFolder();
  const path = folder.file('uio0');

  const node = binding.serveNode(path, RING_BYTES, -1, () => {});

  assert.ok(statSync(path).isSocket());
  assert.equal(statSync(path).mode & 0o777, 0o600);
  binding.closeNode(node);
  assert.equal(existsSync(path), false);
});

test('a path in use is not taken over, nor removed', async () => {
  using folder = new TestFolder();
  writeFileSync(folder.file('uio0'), 'somebody');

  assert.equal(
    binding.serveNode(folder.file('uio0'), RING_BYTES, -1, () => {}),
    -EADDRINUSE,
  );

  assert.ok(existsSync(folder.file('uio0')));
});

test('rings that cannot be are refused', async () => {
  using folder = new TestFolder();
  const path = folder.file('uio0');

  for (const bytes of [0, 4096, 2 * 4096, RING_BYTES + 4096, RING_BYTES + 1]) {
    assert.equal(
      binding.serveNode(path, bytes, -1, () => {}),
      -EINVAL,
      `${bytes} bytes`,
    );
  }
  assert.equal(existsSync(path), false);
});

test('the first connection opens the node, the last one closes it', async () => {
  await using pair = await Pair.open();
  assert.deepEqual(pair.nodeEvents.seen, [[NodeEvent.opened, 0]]);

  const second = await openLease(pair.path, { exclusive: false });
  await closeLease(pair.lease);
  await turn();
  assert.equal(pair.nodeEvents.seen.length, 1);
  await closeLease(second.lease);
  await pair.nodeEvents.reach(2);

  assert.deepEqual(pair.nodeEvents.seen, [
    [NodeEvent.opened, 0],
    [NodeEvent.closed, 0],
  ]);
});

test('a second connection finds the rings as they are, a first one after the end finds them reset', async () => {
  await using pair = await Pair.open();
  pair.host.send(new Uint8Array(8));
  const second = await openLease(pair.path, { exclusive: false });
  const guest = new End(binding.attachPrimary(second.lease));
  assert.equal(guest.inspect('inWrite'), 32);
  await closeLease(second.lease);
  await closeLease(pair.lease);
  await pair.nodeEvents.reach(2);

  const { lease } = await openLease(pair.path);
  const again = new End(binding.attachPrimary(lease));

  assert.equal(again.inspect('inWrite'), 0);
  assert.equal(pair.host.drain(), 0);
  again.send(Uint8Array.of(7));
  assert.equal(pair.host.drain(), 1);
  assert.equal(pair.host.payload(0)[0], 7);
  await closeLease(lease);
});

test('every connection is woken', async () => {
  await using pair = await Pair.open();
  const events = new EventLog<number>();
  const second = await openLease(pair.path, { exclusive: false }, (event) => events.push(event));

  binding.wakeGuest(pair.node);
  await Promise.all([pair.leaseEvents.reach(1), events.reach(1)]);

  assert.deepEqual(events.seen, [LeaseEvent.wake]);
  await closeLease(second.lease);
});

test('more wakes than a socket holds are no error, and one of them arrives', async () => {
  await using pair = await Pair.open();

  for (let i = 0; i < 5000; i++) binding.wakeGuest(pair.node);
  await pair.leaseEvents.reach(1);

  assert.equal(pair.leaseEvents.seen[0], LeaseEvent.wake);
});

test('the 65th connection is turned away, the 64 others live on', async () => {
  await using pair = await Pair.open();
  const others = await Promise.all(Array.from({ length: 63 }, () => openLease(pair.path, { exclusive: false })));
  assert.ok(others.every(({ errno }) => errno === 0));

  assert.notEqual((await openLease(pair.path, { exclusive: false, timeoutMs: 1000 })).errno, 0);

  // Each opening masked the rings, which are the same for all of them.
  assert.equal(pair.guest.drain(), 0);
  pair.host.send(new Uint8Array(8));
  await pair.leaseEvents.reach(1);
  await Promise.all(others.map(({ lease }) => closeLease(lease)));
});

test('a subchannel is attached by its ring file and carries packets both ways', async () => {
  await using pair = await Pair.open();
  const ring = binding.addRing(pair.node, RING_BYTES, -1);
  const file = pair.folder.file('ring');
  symlinkSync(`/proc/${process.pid}/fd/${binding.ringDescriptor(pair.node, ring)}`, file);
  const host = new End(binding.attachHost(pair.node, ring));
  const guest = new End(binding.attachSubchannel(pair.lease, file, 6, -1));
  assert.equal(host.drain() + guest.drain(), 0);
  const doorbells = pair.doorbells;

  guest.send(Uint8Array.of(1));
  host.send(Uint8Array.of(2));
  await pair.leaseEvents.reach(1);
  await turn();

  assert.equal(pair.doorbells, doorbells + 1);
  assert.equal(host.drain(), 1);
  assert.equal(host.payload(0)[0], 1);
  assert.equal(guest.drain(), 1);
  assert.equal(guest.payload(0)[0], 2);
  assert.equal(pair.guest.drain(), 0);
});

test('a subchannel goes on where it was when it is attached again', async () => {
  await using pair = await Pair.open();
  const ring = binding.addRing(pair.node, RING_BYTES, -1);
  const file = `/proc/self/fd/${binding.ringDescriptor(pair.node, ring)}`;
  const host = new End(binding.attachHost(pair.node, ring));
  const first = new End(binding.attachSubchannel(pair.lease, file, 6, -1));
  host.send(Uint8Array.of(1));
  host.send(Uint8Array.of(2));
  assert.equal(first.drain(1), 1);
  binding.closeChannel(first.handle);

  const second = new End(binding.attachSubchannel(pair.lease, file, 6, -1));

  assert.equal(second.drain(), 1);
  assert.equal(second.payload(0)[0], 2);
});

test('what is no ring is not attached', async () => {
  await using pair = await Pair.open();
  writeFileSync(pair.folder.file('odd'), new Uint8Array(5000));

  assert.equal(binding.attachSubchannel(pair.lease, pair.folder.file('missing'), 6, -1), -ENOENT);
  assert.equal(binding.attachSubchannel(pair.lease, pair.folder.file('odd'), 6, -1), -EPROTO);
  assert.equal(binding.attachSubchannel(pair.lease, '/dev/null', 6, -1), -EINVAL);
  assert.equal(binding.attachSubchannel(pair.lease, pair.folder.file('odd'), 6, 3), -ENOTSUP, 'no monitor page here');
});

test('the rings of subchannels have doorbells of their own on a fast node', async () => {
  await using pair = await Pair.open({ monitorId: 0 });
  const ring = binding.addRing(pair.node, RING_BYTES, 127);
  const host = new End(binding.attachHost(pair.node, ring));
  const guest = new End(
    binding.attachSubchannel(pair.lease, `/proc/self/fd/${binding.ringDescriptor(pair.node, ring)}`, 2047, 127),
  );
  assert.equal(host.drain(), 0);

  guest.send(new Uint8Array(8));
  await pair.nodeEvents.reach(2);

  assert.deepEqual(pair.nodeEvents.seen[1], [NodeEvent.doorbell, 1]);
  assert.equal(host.drain(), 1);
});

test('a removed ring closes the host end and leaves the guest its memory', async () => {
  await using pair = await Pair.open();
  const ring = binding.addRing(pair.node, RING_BYTES, -1);
  const host = new End(binding.attachHost(pair.node, ring));
  const guest = new End(
    binding.attachSubchannel(pair.lease, `/proc/self/fd/${binding.ringDescriptor(pair.node, ring)}`, 6, -1),
  );

  binding.removeRing(pair.node, ring);

  assert.equal(host.drain(), Status.closed);
  assert.equal(guest.send(new Uint8Array(8)), 0);
  assert.equal(binding.ringDescriptor(pair.node, ring), -ENOENT);
  assert.equal(binding.attachHost(pair.node, ring), -ENOENT);
});

test('resetting a ring empties it and lets the host end start afresh', async () => {
  await using pair = await Pair.open();
  pair.host.send(new Uint8Array(8));

  assert.equal(binding.resetRing(pair.node, 0), 0);

  assert.equal(pair.host.inspect('outWrite'), 0);
  assert.equal(pair.host.inspect('packetsOut'), 1, 'counters go on');
  assert.equal(binding.largestPayload(pair.host.handle), DATA_BYTES - 32);
});

test('a node closed while it is being opened stays closed, and the guest is turned away', async () => {
  using folder = new TestFolder();
  const events: number[] = [];
  const node: number = binding.serveNode(folder.file('uio0'), RING_BYTES, -1, (event) => {
    events.push(event);
    binding.closeNode(node);
  });

  const { errno } = await openLease(folder.file('uio0'), {}, () => undefined);

  assert.equal(errno, constants.errno.ECONNRESET);
  assert.deepEqual(events, [NodeEvent.opened]);
});

test('a node closed in its own callback stays closed, and the open that it was called for fails', async () => {
  using folder = new TestFolder();
  const events: number[] = [];
  const node: number = binding.serveNode(folder.file('uio0'), RING_BYTES, -1, (event) => {
    events.push(event);
    binding.closeNode(node);
  });

  const { errno, stage } = await openLease(folder.file('uio0'));
  await turn();

  assert.equal(errno, ECONNRESET);
  assert.equal(stage, OpenStage.connect);
  assert.deepEqual(events, [NodeEvent.opened]);
});

test('what the host writes when it hears of the opening is there when the guest has opened', async () => {
  using folder = new TestFolder();
  const path = folder.file('uio0');
  const node: number = binding.serveNode(path, RING_BYTES, -1, (event) => {
    if (event !== NodeEvent.opened) return;
    const host = new End(binding.attachHost(node, 0));
    host.send(Uint8Array.of(9));
  });

  const { errno, lease } = await openLease(path);
  assert.equal(errno, 0);
  const guest = new End(binding.attachPrimary(lease));

  assert.equal(guest.drain(), 1);
  assert.equal(guest.payload(0)[0], 9);
  await closeLease(lease);
  binding.closeNode(node);
});

test('a guest that closes and opens at once finds its rings reset and is told as closed and opened', async () => {
  await using pair = await Pair.open();
  pair.host.send(new Uint8Array(8));

  await closeLease(pair.lease);
  const { lease } = await openLease(pair.path);

  assert.equal(new End(binding.attachPrimary(lease)).inspect('inWrite'), 0);
  assert.deepEqual(
    pair.nodeEvents.seen.map(([event]) => event),
    [NodeEvent.opened, NodeEvent.closed, NodeEvent.opened],
  );
  await closeLease(lease);
});
