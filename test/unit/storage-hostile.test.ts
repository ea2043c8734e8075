// SPDX-License-Identifier: MIT
//
// A storage device and a guest that breaks the rules, floods it, or never makes room: its channel ends or its request is
// refused, and nothing is touched that the request does not name.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Disk, memoryDisk, scsi } from '../../dist/host/index.js';
import { VmbusError } from '../../dist/index.js';
import { encodeGpaRanges } from '../../dist/protocol/gpa-direct.js';
import { decodeSrbReply, decodeVstorReply, encodeVstorRequest } from '../../dist/protocol/storvsc.js';
import type { GuestPacket } from './support/scripted-channel.js';
import { diskAround, rangeOf, StorageGuest } from './support/scripted-storage-guest.js';

const megabyte = 2 ** 20;
const read = { kind: 'read', form: 10, lba: 0n, blocks: 8, forceUnitAccess: false } as const;

async function guestOf(disk: Disk = memoryDisk({ sizeBytes: megabyte })): Promise<StorageGuest> {
  return await StorageGuest.ready(scsi({ disks: [disk] }));
}

describe('a packet that breaks the protocol of storage', () => {
  const cases: readonly (readonly [string, (guest: StorageGuest) => GuestPacket])[] = [
    [
      'two ranges',
      (g) => ({
        ...g.packetOf({ command: read, in: 4096 }).packet,
        header: encodeGpaRanges([rangeOf(0, 4096), rangeOf(8192, 4096)]),
      }),
    ],
    [
      'a range shorter than the data',
      (g) => ({ ...g.packetOf({ command: read, in: 4096 }).packet, header: encodeGpaRanges([rangeOf(512, 4095)]) }),
    ],
    ['no ranges', (g) => ({ ...g.packetOf({ command: read, in: 4096 }).packet, header: new Uint8Array(8) })],
    [
      'ranges that break their format',
      (g) => ({ ...g.packetOf({ command: read, in: 4096 }).packet, header: new Uint8Array(16).fill(0xff) }),
    ],
    [
      'data without a place',
      (g) => ({ ...g.packetOf({ command: read, in: 4096 }).packet, type: 6, header: new Uint8Array() }),
    ],
    ['an unknown operation', () => ({ payload: Uint8Array.of(15, 0, 0, 0, ...new Uint8Array(60)) })],
    ['an operation of the host', () => ({ payload: Uint8Array.of(11, 0, 0, 0, ...new Uint8Array(60)) })],
    ['a short packet', () => ({ payload: encodeVstorRequest({ kind: 'queryProperties' }).subarray(0, 47) })],
    ['an empty packet', () => ({ payload: new Uint8Array() })],
    ['a completion', () => ({ type: 11, payload: new Uint8Array(64) })],
    ['transfer pages', (g) => ({ ...g.packetOf({}).packet, type: 7 })],
    ['no wish for a completion', (g) => ({ ...g.packetOf({}).packet, flags: 0 })],
  ];

  for (const [name, make] of cases) {
    it(`ends the channel: ${name}`, async () => {
      const guest = await guestOf();
      guest.say(make(guest));

      const error = await guest.channel.ended();

      assert.ok(VmbusError.is(error) && error.code === 'ERR_VMBUS_PROTOCOL', String(error));
      assert.deepEqual(guest.channel.take(), []);
      assert.deepEqual(guest.memory.accesses, []);
    });
  }

  it('ends the channel when it names memory that is not there', async () => {
    const guest = await guestOf();
    const { packet } = guest.packetOf({ command: read, in: 4096, address: 2 ** 40 });
    guest.say(packet);

    const error = await guest.channel.ended();

    assert.ok(VmbusError.is(error) && error.code === 'ERR_VMBUS_CORRUPT', String(error));
  });
});

describe('a request that does not fit', () => {
  it('is refused, and moves nothing', async () => {
    const guest = await guestOf();
    const status = async (given: Parameters<StorageGuest['run']>[0]): Promise<readonly [number, number]> => {
      const end = await guest.run(given);
      assert.deepEqual([end.bytes, end.sense], [0, '']);
      return [end.srbStatus, end.ntStatus];
    };
    const overrun = [0x12, 0x8000_0005];
    const invalid = [0x06, 0xc000_0185];

    assert.deepEqual(await status({ command: read, in: 4095 }), overrun, 'less room than blocks');
    assert.deepEqual(await status({ command: { ...read, kind: 'write' }, out: new Uint8Array(4095) }), overrun);
    assert.deepEqual(await status({ command: read }), overrun, 'no room at all');
    assert.deepEqual(await status({ command: read, in: 4096, direction: 0 }), invalid, 'the wrong way');
    assert.deepEqual(await status({ command: read, in: 4096, direction: 2 }), invalid);
    assert.deepEqual(
      await status({ command: { ...read, kind: 'write' }, out: new Uint8Array(4096), direction: 1 }),
      invalid,
    );
    assert.deepEqual(
      await status({ command: { kind: 'inquiry', page: null, allocationBytes: 36 }, in: 36, direction: 0 }),
      invalid,
    );
    assert.deepEqual(
      await status({ command: { ...read, blocks: 513 }, in: 513 * 512 }),
      [0x15, 0xc000_0010],
      'too much',
    );
    assert.deepEqual(await status({ cdb: Uint8Array.of(0x28, 0, 0, 0, 0, 0) }), invalid, 'a command cut off');
    assert.deepEqual(guest.memory.accesses, []);
  });

  it('is refused when its command is longer than there is room for, or has no length', async () => {
    const guest = await guestOf();
    for (const length of [17, 255, 0]) {
      const { packet } = guest.packetOf({ command: { kind: 'testUnitReady' } });
      const payload = Uint8Array.from(packet.payload ?? []);
      payload[20] = length;

      const reply = decodeVstorReply((await guest.answerTo(guest.say({ payload }))).payload);

      assert.equal(decodeSrbReply(reply.body).srbStatus, 0x06, `${length}`);
    }
  });

  it('gets no more than its blocks when it has more room', async () => {
    const guest = await guestOf(memoryDisk({ sizeBytes: megabyte, content: new Uint8Array(megabyte).fill(7) }));
    guest.memory.bytes.fill(0xaa);

    const end = await guest.run({ command: read, in: 8192, address: 0x1_0200 });

    assert.deepEqual([end.srbStatus, end.bytes], [1, 4096]);
    assert.equal(guest.memory.bytes[0x1_0200 - 1], 0xaa);
    assert.ok(guest.memory.bytes.subarray(0x1_0200, 0x1_1200).every((byte) => byte === 7));
    assert.equal(guest.memory.bytes[0x1_1200], 0xaa);
  });
});

describe('a guest that asks for too much at once', () => {
  it('has a bounded number of requests run, in order of their coming, and all are answered', async () => {
    const gates: (() => void)[] = [];
    let most = 0;
    const disk = memoryDisk({ sizeBytes: megabyte });
    const slow = diskAround(disk, {
      read: async (offset: number, length: number) => {
        await new Promise<void>((resolve) => gates.push(resolve));
        return await disk.read(offset, length);
      },
    });
    const guest = await guestOf(slow);
    const ids = Array.from({ length: 300 }, () => guest.say(guest.packetOf({ command: read, in: 4096 }).packet));

    const answers = ids.map((id) => guest.answerTo(id));
    let isOver = false;
    const all = Promise.all(answers).then(() => (isOver = true));
    while (!isOver) {
      await new Promise(setImmediate);
      most = Math.max(most, gates.length);
      assert.ok(most < 64 || guest.channel.isPaused || gates.length < 64);
      for (const open of gates.splice(0)) open();
    }
    await all;

    assert.equal(most, 64);
    assert.equal(guest.channel.isPaused, false);
  });

  it('gets its completions in the order of their end, once there is room', async () => {
    const guest = await guestOf();
    guest.channel.room = 0;
    const ids = Array.from({ length: 5 }, () =>
      guest.say(guest.packetOf({ command: { kind: 'testUnitReady' } }).packet),
    );
    while (!guest.channel.isPaused) await guest.channel.changed();
    const late = guest.say(guest.packetOf({ command: { kind: 'testUnitReady' } }).packet);

    guest.channel.free(2);
    assert.equal(guest.channel.take().length, 2);
    assert.equal(guest.channel.isPaused, true, 'three still wait');
    guest.channel.free();

    const rest: bigint[] = [];
    while (rest.length < 4) rest.push((await guest.channel.next()).transactionId);
    assert.deepEqual(rest, [...ids.slice(2), late]);
    assert.equal(guest.channel.isPaused, false);
  });

  it('gets each answer once when its next packets come while one is sent', async () => {
    const guest = await guestOf();
    const { channel } = guest;
    const { packet } = guest.packetOf({ command: { kind: 'testUnitReady' } });
    const complete = channel.complete.bind(channel);
    let next = 101n;
    channel.complete = (id, payload) => {
      const isSent = complete(id, payload);
      if (next <= 140n) channel.say({ type: 6, flags: 1, transactionId: next++, ...packet });
      return isSent;
    };
    for (let id = 1n; id <= 5n; id += 1n) channel.say({ type: 6, flags: 1, transactionId: id, ...packet });

    const ids: bigint[] = [];
    while (ids.length < 45) ids.push((await channel.next()).transactionId);

    assert.equal(new Set(ids).size, 45);
    assert.deepEqual(channel.take(), []);
  });

  it('may be gone before the disk answers', async () => {
    let goOn = (): void => undefined;
    let begun = (): void => undefined;
    const isBegun = new Promise<void>((resolve) => (begun = resolve));
    const disk = memoryDisk({ sizeBytes: megabyte });
    const slow = diskAround(disk, {
      read: async () => {
        begun();
        await new Promise<void>((resolve) => (goOn = resolve));
        return new Uint8Array(4096);
      },
    });
    const guest = await guestOf(slow);
    guest.say(guest.packetOf({ command: read, in: 4096 }).packet);
    await isBegun;

    guest.channel.close();
    goOn();
    await new Promise(setImmediate);

    assert.deepEqual(guest.memory.accesses, [], 'its memory is not written any more');
    assert.equal(guest.channel.failure, null);
  });
});

describe('a storage device and any packets', () => {
  it('answers each, or ends the channel, and never throws anything else', async () => {
    const packet = fc.record({
      type: fc.constantFrom(6, 6, 9, 9, 7, 11),
      flags: fc.constantFrom(1, 1, 1, 0),
      operation: fc.constantFrom(3, 3, 3, 3, 4, 7, 8, 9, 10, 13, 14),
      length: fc.constantFrom(64, 64, 64, 48, 80, 40),
      noise: fc.uint8Array({ minLength: 80, maxLength: 80 }),
      opcode: fc.constantFrom(
        0,
        3,
        8,
        0x0a,
        0x12,
        0x1a,
        0x25,
        0x28,
        0x2a,
        0x35,
        0x41,
        0x42,
        0x88,
        0x8a,
        0x93,
        0x9e,
        0xa0,
      ),
      byteCount: fc.nat(10_000),
      isPlain: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(packet, { maxLength: 12 }), async (packets) => {
        const guest = await guestOf();
        let said = 0;
        for (const { type, flags, operation, length, noise, opcode, byteCount, isPlain } of packets) {
          const payload = noise.slice(0, length);
          payload.set([operation, 0, 0, 0]);
          // Near enough to a request to get through to a unit.
          if (isPlain)
            payload.set([0, 0, 0, 16, 20, noise[22] ?? 0, 0, byteCount & 0xff, byteCount >> 8, 0, 0, opcode], 17);
          const header = type === 9 ? encodeGpaRanges([rangeOf(noise[0] ?? 0, byteCount)]) : new Uint8Array();
          guest.channel.say({ type, flags, transactionId: 99n, header, payload });
          said += 1;
        }
        const heard = guest.channel.take();
        while (guest.channel.isOpen && heard.length < said)
          heard.push(await guest.channel.next().catch(() => heard[0] as never));
        const { failure } = guest.channel;
        assert.ok(
          failure === null || (VmbusError.is(failure) && failure.code === 'ERR_VMBUS_PROTOCOL'),
          String(failure),
        );
      }),
      { numRuns: 300 },
    );
  });
});
