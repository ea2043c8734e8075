// SPDX-License-Identifier: MIT
//
// The addon's frames over real rings and buffers: one copy in, one completion per packet, sections that come back once, full
// rings, and what a broken or hostile host does.

import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { LeaseEvent, Status } from '../../dist/native/binding.js';
import { RowKind } from '../../dist/native/frame-functions.js';
import { decodeRndisPacket, encodeRndisControl, encodeRndisPacket, PacketInfoType } from '../../dist/protocol/rndis.js';
import {
  completed,
  FrameScene,
  frameOf,
  PIECE_BYTES,
  PIECES,
  SECTION_BYTES,
  SECTIONS,
  words,
} from './native-frames.js';
import { binding, closeLease } from './native-pair.js';

const { EINVAL } = constants.errno;

describe('frames that a host hands over', () => {
  it('come out with what stands beside them, and their packet is completed once', async () => {
    await using scene = await FrameScene.open();
    const info = [
      { type: PacketInfoType.checksum, value: 0x28 },
      { type: PacketInfoType.vlan, value: 0x70 },
    ];
    const message = encodeRndisPacket(frameOf(60), info);
    scene.put(3, message);
    scene.hand([{ byteCount: message.length, byteOffset: 3 * PIECE_BYTES }], 77);

    assert.equal(scene.receive(), 1);

    assert.deepEqual(scene.row(0), [RowKind.frame, 0, 60, 3, 0x28, 0x70, 0, 0]);
    assert.deepEqual(scene.bytes(0), frameOf(60));
    assert.equal(scene.receive(), 0);
    assert.deepEqual(
      scene.heard().map(({ type, id, payload }) => [type, id, [...payload]]),
      [[11, 77n, [...words(108, 1)]]],
    );
  });

  it('of many pieces and packets come in order, with one completion for each packet', async () => {
    await using scene = await FrameScene.open();
    for (let piece = 0; piece < 30; piece += 1) scene.put(piece, encodeRndisPacket(frameOf(100 + piece, piece)));
    const range = (piece: number) => ({ byteCount: 144 + piece, byteOffset: piece * PIECE_BYTES });
    for (let packet = 0; packet < 10; packet += 1)
      scene.hand([range(3 * packet), range(3 * packet + 1), range(3 * packet + 2)], packet);

    assert.equal(scene.receive(), 30);

    for (let piece = 0; piece < 30; piece += 1) assert.deepEqual(scene.bytes(piece), frameOf(100 + piece, piece));
    assert.deepEqual(
      scene.heard().map(({ id }) => Number(id)),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
  });

  it('that do not fit the arena at once come with the next call, and are completed then', async () => {
    await using scene = await FrameScene.open();
    const message = encodeRndisPacket(frameOf(1500));
    const ranges = Array.from({ length: PIECES }, (_, piece) => {
      scene.put(piece, message);
      return { byteCount: message.length, byteOffset: piece * PIECE_BYTES };
    });
    const rows = new Int32Array(8 * 10);
    binding.setFrameArena(scene.frames, scene.arena, rows);
    scene.hand(ranges, 5);

    assert.equal(scene.receive(), 10);
    assert.deepEqual(scene.heard(), [], 'not before all of it was copied');
    const counts = [];
    for (let count = scene.receive(); count > 0; count = scene.receive()) counts.push(count);

    assert.deepEqual(counts, [10, 10, 10, 10, 10, 4]);
    assert.equal(scene.heard().length, 1);
  });

  it('wake the guest when its ring was empty', async () => {
    await using scene = await FrameScene.open();
    assert.equal(scene.receive(), 0, 'armed');
    const message = encodeRndisPacket(frameOf(60));
    scene.put(0, message);
    const before = scene.inspect('packets');

    scene.hand([{ byteCount: message.length, byteOffset: 0 }]);

    assert.equal(before, 0);
    assert.equal(scene.receive(), 1);
  });

  it('wait while completions that are owed have no room, and come after them', async () => {
    await using scene = await FrameScene.open();
    const message = encodeRndisPacket(frameOf(60));
    scene.put(0, message);
    const range = { byteCount: message.length, byteOffset: 0 };
    const full = new Uint8Array(400);
    while (binding.write(scene.channel, 6, 0, 0, 0, 2, full) === 0);
    while (binding.write(scene.channel, 6, 0, 0, 0, 2, full.subarray(0, 8)) === 0);
    scene.hand([range], 1);

    assert.equal(scene.receive(), 1, 'the frame is copied');
    scene.hand([range], 2);
    assert.equal(scene.receive(), 0, 'nothing more is taken');
    assert.equal(scene.inspect('owed'), 1);
    const before = scene.heard();
    assert.equal(scene.receive(), 1);

    assert.equal(before.filter(({ type }) => type === 11).length, 0);
    assert.deepEqual(
      scene.heard().map(({ type, id }) => [type, id]),
      [
        [11, 1n],
        [11, 2n],
      ],
    );
    assert.equal(scene.inspect('owed'), 0);
  });

  it('are no messages that stand behind the first one, unless that was agreed on', async () => {
    const two = new Uint8Array([...encodeRndisPacket(frameOf(60, 1)), ...encodeRndisPacket(frameOf(60, 2))]);
    for (const messages of [1, 8]) {
      await using scene = await FrameScene.open({ messages });
      scene.put(0, two);
      scene.hand([{ byteCount: two.length, byteOffset: 0 }]);

      assert.equal(scene.receive(), messages === 1 ? 1 : 2);
    }
  });

  it('come with control messages and packets in the order of the ring', async () => {
    await using scene = await FrameScene.open();
    const control = encodeRndisControl({ kind: 'setComplete', requestId: 3, status: 0 });
    scene.put(0, control);
    scene.host.send(words(128, 1, 2), 6, 1, 9, 1);
    scene.hand([{ byteCount: control.length, byteOffset: 0 }], 4);
    scene.complete(8n, words(2, 0xffff_ffff, 34, 1));

    assert.equal(scene.receive(), 3);

    assert.deepEqual(scene.row(0).slice(3, 6), [6 | (1 << 16), 9, 1]);
    assert.deepEqual(scene.bytes(0).subarray(0, 12), words(128, 1, 2));
    assert.equal(scene.row(1)[0], RowKind.control);
    assert.deepEqual(scene.bytes(1), control);
    assert.deepEqual(scene.row(2).slice(3, 6), [11, 8, 0]);
  });
});

describe('what a hostile host hands over', () => {
  const good = encodeRndisPacket(frameOf(60));
  const whole = { byteCount: good.length, byteOffset: 0 };
  const packets: readonly (readonly [string, (scene: FrameScene) => void])[] = [
    ['another set id', (scene) => scene.hand([whole], 9, 0xcaff)],
    ['no pieces', (scene) => scene.handRaw(words(0xcafe, 0), 9)],
    ['more pieces than it has room for', (scene) => scene.handRaw(words(0xcafe, 2, good.length, 0), 9)],
    ['a count of pieces that overflows', (scene) => scene.handRaw(words(0xcafe, 0x2000_0001, good.length, 0), 9)],
    ['no header at all', (scene) => scene.handRaw(new Uint8Array(0), 9)],
    ['another NVSP message', (scene) => scene.handRaw(words(0xcafe, 1, good.length, 0), 9, words(108, 1))],
    ['no NVSP message', (scene) => scene.handRaw(words(0xcafe, 1, good.length, 0), 9, new Uint8Array(0))],
    ['a piece behind the buffer', (scene) => scene.hand([{ byteCount: 104, byteOffset: PIECES * PIECE_BYTES }], 9)],
    ['a piece over its end', (scene) => scene.hand([{ byteCount: 104, byteOffset: PIECES * PIECE_BYTES - 100 }], 9)],
    ['a piece that overflows', (scene) => scene.hand([{ byteCount: 0xffff_ff00, byteOffset: 0x200 }], 9)],
    ['a piece that is too large', (scene) => scene.hand([{ byteCount: PIECE_BYTES + 1, byteOffset: 0 }], 9)],
    ['an empty piece', (scene) => scene.hand([{ byteCount: 0, byteOffset: 0 }], 9)],
  ];
  for (const [what, act] of packets) {
    it(`with ${what} is no frame, and completed with a failure`, async () => {
      await using scene = await FrameScene.open();
      scene.put(0, good);
      act(scene);

      assert.ok(scene.receive() <= 0);

      assert.deepEqual(
        scene.heard().map(({ type, id, payload }) => [type, id, [...payload]]),
        [[11, 9n, [...words(108, 2)]]],
      );
    });
  }

  it('before the buffers were agreed on is no frame', async () => {
    await using scene = await FrameScene.open({ agree: false });
    scene.put(0, good);
    scene.hand([whole], 9);

    assert.ok(scene.receive() <= 0);
    assert.equal(scene.inspect('brokenPackets'), 1);
  });

  it('as completions that belong to nothing frees nothing', async () => {
    await using scene = await FrameScene.open();
    assert.equal(scene.send([frameOf(60)]), 1);
    const [sent] = scene.heard();
    assert.ok(sent);
    const free = scene.inspect('sectionsFree');
    for (const id of [sent.id + 1n, sent.id + (1n << 32n), 1n << 63n, (1n << 64n) - 1n]) scene.complete(id);
    scene.complete(sent.id, words(105, 1));

    assert.ok(scene.receive() <= 0);

    assert.equal(scene.inspect('stray'), 5);
    assert.equal(scene.inspect('sectionsFree'), free);
  });

  it('of a completion twice frees its section once', async () => {
    await using scene = await FrameScene.open();
    assert.equal(scene.send([frameOf(60)]), 1);
    const [sent] = scene.heard();
    scene.complete(sent?.id ?? 0n);
    scene.complete(sent?.id ?? 0n);

    assert.ok(scene.receive() <= 0);

    assert.equal(scene.inspect('sectionsFree'), SECTIONS);
    assert.equal(scene.inspect('stray'), 1);
  });
});

describe('frames that are sent', () => {
  it('stand in a section each, and are told of in one publish', async () => {
    await using scene = await FrameScene.open();
    const frames = [frameOf(60, 1), frameOf(1514, 2), frameOf(14, 3)];

    assert.equal(scene.send(frames), 3);

    const told = scene.heard();
    assert.deepEqual(
      told.map(({ type, flags, payload }) => [type, flags, payload.length]),
      Array(3).fill([6, 1, 40]),
    );
    for (const [i, { payload, id }] of told.entries()) {
      const [type, kind, section = 0, bytes = 0] = new Uint32Array(payload.buffer.slice(payload.byteOffset));
      assert.deepEqual([type, kind, bytes], [107, 0, 44 + (frames[i]?.length ?? 0)]);
      assert.equal(Number(id & 0xffff_ffffn), section);
      assert.deepEqual(decodeRndisPacket(scene.section(section, bytes)).frame, frames[i]);
      scene.complete(id, completed(i === 1 ? 2 : 1));
    }
    assert.ok(scene.receive() <= 0);
    assert.deepEqual(
      [scene.inspect('completed'), scene.inspect('refused'), scene.inspect('sectionsFree')],
      [3, 1, SECTIONS],
    );
  });

  it('carry a VLAN tag and a checksum wish', async () => {
    await using scene = await FrameScene.open();
    assert.equal(scene.send([frameOf(60)], 0, Int32Array.of(3, 0x5, 0x70, 0)), 1);

    const [told] = scene.heard();
    const [, , section = 0, bytes = 0] = new Uint32Array(told?.payload.slice().buffer ?? new ArrayBuffer(16));
    const { frame, info } = decodeRndisPacket(scene.section(section, bytes));

    assert.deepEqual(frame, frameOf(60));
    assert.deepEqual(
      info.map(({ type, value }) => [type, ...value]),
      [
        [PacketInfoType.vlan, 0x70, 0, 0, 0],
        [PacketInfoType.checksum, 5, 0, 0, 0],
      ],
    );
  });

  it('wait for a section, and go on when the host gives one back', async () => {
    await using scene = await FrameScene.open();
    const frames = Array.from({ length: 100 }, () => frameOf(60));

    const first = scene.send(frames);
    const told = scene.heard();

    assert.equal(first, SECTIONS / 2, 'the rest is for control messages and other queues');
    assert.equal(scene.send(frames, first), 0);
    for (const { id } of told.slice(0, 3)) scene.complete(id);
    assert.ok(scene.receive() <= 0);
    assert.equal(scene.send(frames, first), 3);
  });

  it('wait for room in the ring without losing their sections', async () => {
    await using scene = await FrameScene.open();
    const full = new Uint8Array(400);
    while (binding.write(scene.channel, 6, 0, 0, 0, 2, full) === 0);
    while (binding.write(scene.channel, 6, 0, 0, 0, 2, full.subarray(0, 8)) === 0);

    assert.equal(scene.send([frameOf(60)]), 0);
    assert.equal(scene.inspect('sectionsFree'), SECTIONS);
    scene.heard();
    assert.equal(scene.send([frameOf(60)]), 1);
  });

  it('that no section has room for are refused; those before them are sent', async () => {
    await using scene = await FrameScene.open();
    const largest = scene.inspect('largestFrame');
    assert.equal(largest, SECTION_BYTES - 44 - 48);

    assert.equal(scene.send([frameOf(60), frameOf(SECTION_BYTES)]), 1);
    assert.equal(scene.send([frameOf(60), frameOf(SECTION_BYTES)], 1), Status.tooLarge);
    assert.equal(scene.send([frameOf(SECTION_BYTES - 44)]), 1);
  });

  it('are refused where they are no frames', async () => {
    await using scene = await FrameScene.open();
    const detached = new Uint8Array(64);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });

    assert.equal(scene.send([new Uint8Array(13)]), Status.badRow);
    assert.equal(scene.send([detached]), Status.badRow);
    assert.equal(scene.send(['x' as unknown as Uint8Array]), Status.badRow);
    assert.equal(scene.send([]), 0);
    assert.throws(() => scene.send([], 1), TypeError);
    assert.deepEqual(scene.heard(), []);
  });

  it('are control messages that get through although frames have all that they may', async () => {
    await using scene = await FrameScene.open();
    scene.send(Array.from({ length: 100 }, () => frameOf(60)));
    scene.heard();
    const query = encodeRndisControl({ kind: 'query', requestId: 1, oid: 0x0101_0101, info: new Uint8Array(0) });

    assert.equal(binding.sendControl(scene.frames, query), 1);

    const [told] = scene.heard();
    const [type, kind, section = 0, bytes = 0] = new Uint32Array(told?.payload.slice().buffer ?? new ArrayBuffer(16));
    assert.deepEqual([type, kind, bytes], [107, 1, query.length]);
    assert.deepEqual(scene.section(section, bytes), query);
  });
});

describe('a queue of frames', () => {
  it('needs buffers that were mapped and an agreement that fits them', async () => {
    await using scene = await FrameScene.open({ agree: false });

    assert.equal(scene.send([frameOf(60)]), Status.badRow);
    assert.equal(binding.agreeFrames(scene.lease, PIECE_BYTES, PIECES + 1, SECTION_BYTES, 1), -EINVAL);
    assert.equal(binding.agreeFrames(scene.lease, 0, 1, SECTION_BYTES, 1), -EINVAL);
    assert.equal(binding.agreeFrames(scene.lease, 0x8000_0000, 2, SECTION_BYTES, 1), -EINVAL);
    assert.equal(binding.agreeFrames(scene.lease, PIECE_BYTES, PIECES, 67, 1), -EINVAL);
    assert.equal(binding.agreeFrames(scene.lease, PIECE_BYTES, PIECES, SECTION_BYTES * SECTIONS + 1, 1), -EINVAL);
    assert.equal(binding.agreeFrames(scene.lease, PIECE_BYTES, PIECES, SECTION_BYTES, 1), 0);
    assert.equal(binding.agreeFrames(scene.lease, PIECE_BYTES, PIECES, SECTION_BYTES, 1), -EINVAL, 'once');
    assert.equal(scene.send([frameOf(60)]), 1);
  });

  it('shares its sections with another one of the same lease', async () => {
    await using scene = await FrameScene.open();
    const other = binding.openFrames(scene.lease, scene.channel, 6);
    scene.send(Array.from({ length: 100 }, () => frameOf(60)));

    assert.equal(binding.sendFrames(other, [frameOf(60), frameOf(60)], 0, null), 1, 'one, to get on with');
    assert.equal(scene.inspect('sectionsFree'), SECTIONS / 2 - 1);
    binding.closeFrames(other);
  });

  it('ends with its lease, while its handle is still held', async () => {
    const scene = await FrameScene.open();
    scene.send([frameOf(60)]);
    await closeLease(scene.lease);

    assert.equal(scene.receive(), Status.closed);
    assert.equal(scene.send([frameOf(60)]), Status.closed);
    assert.equal(binding.sendControl(scene.frames, new Uint8Array(12)), Status.closed);
    assert.equal(scene.inspect('framesSent'), 1);
    await scene[Symbol.asyncDispose]();
    assert.equal(scene.receive(), Status.closed);
  });

  it('says that the device was withdrawn', async () => {
    await using scene = await FrameScene.open();
    const message = encodeRndisPacket(frameOf(60));
    scene.put(0, message);
    scene.hand([{ byteCount: message.length, byteOffset: 0 }]);
    binding.closeNode(scene.node);
    await scene.leaseEvents.reach(1);
    assert.equal(scene.leaseEvents.seen.at(-1), LeaseEvent.rescinded);

    assert.equal(scene.receive(), Status.rescinded);
    assert.equal(scene.send([frameOf(60)]), Status.rescinded);
  });

  it('is refused on a lease without buffers, and on a channel of another', async () => {
    await using scene = await FrameScene.open();
    await using other = await FrameScene.open();

    assert.equal(binding.openFrames(scene.lease, other.channel, 5), -EINVAL);
    assert.equal(binding.openFrames(scene.lease + 1, scene.channel, 5), Status.closed);
    assert.throws(() => binding.setFrameArena(scene.frames, new Uint8Array(1000), new Int32Array(8)), RangeError);
    assert.throws(() => binding.setFrameArena(scene.frames, new Uint8Array(131_072), new Int32Array(7)), RangeError);
  });
});
