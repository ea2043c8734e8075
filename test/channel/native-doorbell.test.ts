// SPDX-License-Identifier: MIT
//
// The doorbell by a 4-byte write, beside a subchannel that the host has offered and the kernel has not opened: a kernel would
// store into the ring that this one does not have, and crash.

import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { NodeEvent } from '../../dist/native/binding.js';
import { binding, closeLease, End, EventLog, inspectLease, openLease, RING_BYTES, TestFolder } from './native-pair.js';

/** A served node with an open lease that knows the folder of its channels, and the host asleep. */
class World implements AsyncDisposable {
  readonly folder = new TestFolder();
  readonly doorbells = new EventLog<number>();
  readonly node: number;
  #lease = 0;

  constructor() {
    mkdirSync(this.folder.file('channels/5'), { recursive: true });
    this.node = binding.serveNode(this.folder.file('uio0'), RING_BYTES, -1, (event, value) => {
      if (event === NodeEvent.doorbell) this.doorbells.push(value);
    });
  }

  async open(): Promise<End> {
    const { errno, lease } = await openLease(this.folder.file('uio0'), {
      relid: 5,
      channelsFolder: this.folder.file('channels'),
    });
    assert.equal(errno, 0);
    this.#lease = lease;
    const host = new End(binding.attachHost(this.node, 0));
    assert.equal(host.drain(), 0);
    return new End(binding.attachPrimary(lease));
  }

  get writes(): number {
    return inspectLease(this.#lease, 'doorbellWrites');
  }

  offer(relid: number): void {
    mkdirSync(this.folder.file(`channels/${relid}`));
  }

  /** As the kernel does when it has opened a subchannel. */
  openRing(relid: number): void {
    const ring = binding.addRing(this.node, RING_BYTES, -1);
    const file = `/proc/${process.pid}/fd/${binding.ringDescriptor(this.node, ring)}`;
    symlinkSync(file, this.folder.file(`channels/${relid}/ring`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeLease(this.#lease);
    binding.closeNode(this.node);
    this.folder[Symbol.dispose]();
  }
}

test('a doorbell waits until a subchannel that was offered is open, and is rung then by itself', async () => {
  await using world = new World();
  const guest = await world.open();
  world.offer(6);

  assert.equal(guest.send(new Uint8Array(8)), 0);
  assert.equal(world.writes, 0, 'held back');
  world.openRing(6);
  await world.doorbells.reach(1);

  assert.equal(world.writes, 1);
});

test('a subchannel left from before the open holds the doorbell back, too', async () => {
  await using world = new World();
  world.offer(6);
  const guest = await world.open();

  guest.send(new Uint8Array(8));

  assert.equal(world.writes, 0);
});

test('a subchannel whose ring file is there and cannot be mapped is not open', async () => {
  await using world = new World();
  const guest = await world.open();
  world.offer(6);
  writeFileSync(world.folder.file('channels/6/in_mask'), '0\n');
  // The ring file of a closed channel refuses to be mapped; so does a folder.
  mkdirSync(world.folder.file('channels/6/ring'));

  guest.send(new Uint8Array(8));

  assert.equal(world.writes, 0);
});

test('a primary channel without a ring file, and open subchannels, hold nothing back', async () => {
  await using world = new World();
  const guest = await world.open();
  world.offer(6);
  world.openRing(6);

  guest.send(new Uint8Array(8));

  assert.equal(world.writes, 1);
});

test('each subchannel that is offered later is looked at anew', async () => {
  await using world = new World();
  const guest = await world.open();
  const host = new End(binding.attachHost(world.node, 0));
  world.offer(6);
  world.openRing(6);
  guest.send(new Uint8Array(8));
  assert.equal(world.writes, 1);
  assert.equal(host.drain(), 1);
  assert.equal(host.drain(), 0);
  world.offer(7);

  guest.send(new Uint8Array(8));

  assert.equal(world.writes, 1);
  world.openRing(7);
  await world.doorbells.reach(2);
});
