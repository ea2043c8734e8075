// SPDX-License-Identifier: MIT
//
// Parts of the network card that need no card: flows, tags, batches, what the host says of the link.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { infosOf } from '../../dist/devices/netvsc/arguments.js';
import { megabits, versionName } from '../../dist/devices/netvsc/bring-up.js';
import { flowOf, partsOf } from '../../dist/devices/netvsc/flow.js';
import { FrameStore, StoredBatch } from '../../dist/devices/netvsc/frame-batch.js';
import { LinkState } from '../../dist/devices/netvsc/link-state.js';
import type { NicEvent } from '../../dist/index.js';
import { FRAME_ROW_WORDS } from '../../dist/native/frame-functions.js';
import { RndisIndication } from '../../dist/protocol/rndis.js';

/** An IPv4 frame. */
function ipv4(options: { protocol?: number; from?: number; ports?: number; fragment?: number } = {}): Uint8Array {
  const { protocol = 6, from = 1, ports = 80, fragment = 0 } = options;
  const frame = new Uint8Array(60);
  frame.set([0x08, 0x00, 0x45], 12);
  frame.set([fragment >>> 8, fragment & 0xff, 64, protocol], 20);
  frame.set([10, 0, 0, from, 10, 0, 0, 99], 26);
  frame.set([ports >>> 8, ports & 0xff, 0x12, 0x34], 34);
  return frame;
}

describe('the flow of a frame', () => {
  it('is that of addresses and ports', () => {
    assert.equal(flowOf(ipv4()), flowOf(ipv4().fill(7, 40)));
    assert.notEqual(flowOf(ipv4()), flowOf(ipv4({ from: 2 })));
    assert.notEqual(flowOf(ipv4()), flowOf(ipv4({ ports: 81 })));
  });

  it('has no ports where there are none, so that fragments stay together', () => {
    for (const fragment of [0x2000, 0x00b9])
      assert.equal(flowOf(ipv4({ fragment })), flowOf(ipv4({ fragment, ports: 81 })));
    assert.equal(flowOf(ipv4({ protocol: 1 })), flowOf(ipv4({ protocol: 1, ports: 81 })));
  });

  it('is spread over 16 entries', () => {
    const entries = new Set(Array.from({ length: 200 }, (_, i) => flowOf(ipv4({ ports: i })) % 16));
    assert.equal(entries.size, 16);
  });

  it('can be told of every frame, however short or broken', () => {
    for (const length of [14, 20, 33, 34, 37, 53, 54])
      for (const type of [0x0800, 0x86dd, 0x0806]) {
        const frame = new Uint8Array(length).fill(0xff);
        frame.set([type >>> 8, type & 0xff], 12);
        assert.ok(Number.isInteger(flowOf(frame)));
      }
  });

  it('keeps frames of one number in their order', () => {
    const frames = [0, 1, 2, 3, 4].map((i) => Uint8Array.of(i));
    assert.deepEqual(
      [...partsOf(frames, ([i = 0]) => i % 2)],
      [
        [0, [frames[0], frames[2], frames[4]]],
        [1, [frames[1], frames[3]]],
      ],
    );
  });
});

describe('a tag', () => {
  it('is laid out as the kernel does', () => {
    assert.deepEqual(
      [...(infosOf({ id: 0x123, priority: 5, dropEligible: true }, 2) ?? [])],
      [2, 0, 0x123d, 0, 2, 0, 0x123d, 0],
    );
    assert.equal(infosOf(undefined, 2), null);
  });
});

describe('a batch', () => {
  const store = new FrameStore(4096, { newMemory: (bytes) => new ArrayBuffer(bytes) });
  store.rows.set([0, 8, 20, 7, 0x0000_000c, 0x0123, -2, 0]);
  store.rows.set([0, 32, 14, 0, 0, 0, 0, 0], FRAME_ROW_WORDS);
  store.arena.fill(9, 32, 46);
  store.length = 2;
  const batch = new StoredBatch(store, 3);

  it('tells what stands beside its frames', () => {
    assert.deepEqual(batch.checksum(0), { ip: 'bad', tcp: 'good', udp: null });
    assert.deepEqual(batch.vlan(0), { id: 0x12, priority: 3, dropEligible: false });
    assert.equal(batch.hash(0), 0xffff_fffe);
    assert.deepEqual([batch.checksum(1), batch.vlan(1), batch.hash(1)], [null, null, null]);
  });

  it('gives views and copies', () => {
    const { bytes, queue } = batch.frame(1);
    store.arena.fill(1);
    assert.deepEqual([queue, batch.view(0).length, batch.view(1)[0], bytes[0]], [3, 20, 1, 9]);
    assert.equal([...batch].length, 2);
    for (const i of [-1, 2, 0.5]) assert.throws(() => batch.view(i), { code: 'ERR_OUT_OF_RANGE' });
  });
});

describe('the link', () => {
  const up = { version: 0x60001, mac: '', permanentMac: '', name: null, mtu: 1500, isUp: true, speedMbps: 10 };
  const begun = (): { link: LinkState; events: NicEvent[] } => {
    const events: NicEvent[] = [];
    const link = new LinkState((event) => events.push(event));
    link.begin(up);
    return { link, events };
  };
  const nothing = new Uint8Array(0);

  it('goes down and up when the network is another one', () => {
    const { link, events } = begun();
    link.takeIndication(RndisIndication.networkChange, nothing);
    assert.deepEqual(
      events.map((event) => event.kind === 'link' && event.isUp),
      [false, true],
    );
  });

  it('does not come up by that', () => {
    const { link, events } = begun();
    link.takeIndication(RndisIndication.mediaDisconnect, nothing);
    link.takeIndication(RndisIndication.networkChange, nothing);
    assert.equal(link.now.isUp, false);
    assert.equal(events.length, 1);
  });

  it('takes no speed without a number, and nothing it does not know', () => {
    const { link, events } = begun();
    link.takeIndication(RndisIndication.linkSpeed, new Uint8Array(3));
    link.takeIndication(0x4001_9999, new Uint8Array(4));
    assert.deepEqual(events, []);
  });

  it('has a queue for each flow, whatever the host says', () => {
    const { link } = begun();
    assert.deepEqual([link.queueOf(17, 4), link.queueOf(15, 4)], [1, 3]);
    link.takeMessage({ kind: 'indirectionTable', entries: Array<number>(16).fill(0xffff_ffff) }, 4);
    assert.equal(link.queueOf(5, 4), 3);
  });

  it('that says the same table or virtual function again makes no event of it', () => {
    const { link, events } = begun();
    const table = { kind: 'indirectionTable', entries: Array.from({ length: 16 }, (_, i) => 15 - i) } as const;
    const offer = { kind: 'virtualFunction', isAllocated: true, serial: 7 } as const;

    for (let i = 0; i < 3; i += 1) link.takeMessage(table, 4);
    // Other entries, the same queues.
    link.takeMessage({ ...table, entries: table.entries.map((entry) => entry + 4) }, 4);
    for (let i = 0; i < 3; i += 1) link.takeMessage(offer, 4);
    for (let i = 0; i < 3; i += 1) link.takeMessage({ ...offer, isAllocated: false }, 4);

    assert.deepEqual(events, [
      { kind: 'table', queues: table.entries.map((entry) => entry % 4) },
      { kind: 'virtual-function', isOffered: true },
      { kind: 'virtual-function', isOffered: false },
    ]);
  });

  it('is told of the table that every card begins with only once it was another', () => {
    const { link, events } = begun();
    const first = { kind: 'indirectionTable', entries: Array.from({ length: 16 }, (_, i) => i) } as const;

    link.takeMessage(first, 4);
    assert.equal(events.length, 0);
    link.takeMessage({ ...first, entries: Array<number>(16).fill(2) }, 4);
    link.takeMessage(first, 4);

    assert.deepEqual(
      events.map((event) => event.kind === 'table' && event.queues.slice(0, 5)),
      [
        [2, 2, 2, 2, 2],
        [0, 1, 2, 3, 0],
      ],
    );
  });

  it('is told in words', () => {
    assert.equal(versionName(0x60001), '6.1');
    assert.equal(megabits(100_000_000), 10_000);
  });
});
