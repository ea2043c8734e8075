// SPDX-License-Identifier: MIT
//
// The network card: initialisation byte by byte, and frames of the guest on all ways. Frames for it: host-net-receive.test.ts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type NetvspEvent, netvsp } from '../../dist/host/index.js';
import { withTag } from '../../dist/protocol/ethernet/frame.js';
import { NvspStatus, NvspVersion } from '../../dist/protocol/nvsp.js';
import { encodeRndisPacket, Oid, PacketInfoType, packetInfoValue } from '../../dist/protocol/rndis.js';
import { numberOf, ScriptedNetGuest, success, testFrame, words } from './net-guest.js';
import { ScriptedChannel } from './support/scripted-channel.js';
import { ScriptedMemory } from './support/scripted-memory.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (array: Uint8Array): string => Buffer.from(array).toString('hex');
const union = (text: string): string => text.replaceAll(' ', '').padEnd(80, '0');
const failed = bytes(union('6c000000 02000000'));

describe('the initialisation', () => {
  it('is, byte by byte, that of Linux and Hyper-V', async () => {
    const nic = netvsp({ mac: '00:15:5d:0a:0b:0c', maxVersion: 5, connected: false });
    const memory = new ScriptedMemory();
    const receive = memory.share(0xe1e10, 20 * 1806);
    const send = memory.share(0xe1e11, 4 * 6144);
    const channel = ScriptedChannel.open(nic, { memory });
    const say = (id: bigint, text: string): void =>
      channel.say({ transactionId: id, flags: id === 0n ? 0 : 1, payload: bytes(union(text)) });
    const heard = async (): Promise<string[]> => {
      const { type, transactionId, header, payload } = await channel.next();
      return [`${type} ${transactionId}`, hex(header), hex(payload)];
    };
    const control = async (id: bigint, message: string): Promise<string> => {
      send.set(bytes(message));
      const length = bytes(message).length.toString(16).padStart(2, '0');
      say(id, `6b000000 01000000 00000000 ${length}000000`);
      assert.deepEqual(await heard(), [`11 ${id}`, '', union('6c000000 01000000')]);
      const [packet, header = '', payload] = await heard();
      assert.match(packet ?? '', /^7 /);
      assert.match(header, /^feca000001000000/);
      assert.equal(payload, union('6b000000 01000000 ffffffff 00000000'));
      const range = new DataView(bytes(header).buffer);
      channel.say({ type: 11, transactionId: BigInt(packet?.slice(2) ?? 0), payload: success });
      const offset = range.getUint32(12, true);
      return hex(receive.subarray(offset, offset + range.getUint32(8, true)));
    };

    say(1n, '01000000 00000500 00000500');
    assert.deepEqual(await heard(), ['11 1', '', union('02000000 ffffffff 22000000 01000000')]);
    say(0n, '7d000000 ea050000 00000000 0800000000000000');
    say(0n, '64000000 06000000 1e000000');
    say(2n, '65000000 101e0e00 feca 0000');
    const cut = '66000000 01000000 01000000 00000000 0e070000 14000000 188d0000';
    assert.deepEqual(await heard(), ['11 2', '', union(cut)]);
    say(3n, '68000000 111e0e00 0000 0000');
    assert.deepEqual(await heard(), ['11 3', '', union('69000000 01000000 00180000')]);
    assert.equal(
      await control(4n, '02000000 18000000 01000000 01000000 00000000 00400000'),
      `020000803400000001000000000000000100000000000000${'01000000'}000000000800000000400000030000000000000000000000`,
    );
    assert.equal(
      await control(5n, '04000000 1c000000 02000000 01010101 00000000 14000000 00000000'),
      '040000801e0000000200000000000000060000001000000000155d0a0b0c',
    );
    assert.equal(
      await control(6n, '05000000 20000000 03000000 0e010100 04000000 14000000 00000000 0d000000'),
      '05000080100000000300000000000000',
    );
    assert.equal(
      await control(7n, '04000000 1c000000 04000000 14010100 00000000 14000000 00000000'),
      '040000801c00000004000000000000000400000010000000' + '01000000',
    );
    assert.deepEqual([nic.state, nic.version], ['up', 0x50000]);
    assert.equal(channel.failure, null);
  });

  it('comes down to the version that both have, and is refused until then', async () => {
    for (const [maxVersion, agreed] of [
      [6.1, NvspVersion.v61],
      [6, NvspVersion.v6],
      [4, NvspVersion.v4],
      [2, NvspVersion.v2],
      [1, NvspVersion.v1],
    ] as const) {
      const guest = new ScriptedNetGuest({ maxVersion });
      guest.open();
      for (const version of [0x60002, 0x60001, 0x60000, 0x50000, 0x40000, 0x30002, 0x2]) {
        const answer = await guest.request({ kind: 'init', minVersion: version, maxVersion: version });
        assert.ok(answer.kind === 'initComplete');
        assert.equal(answer.status, version === agreed ? NvspStatus.success : NvspStatus.none);
        assert.equal(answer.legacyVersion, version === 2 ? 2 : 0xffff_ffff);
        if (answer.status === NvspStatus.success) break;
      }
      assert.equal(guest.nic.version, agreed);
    }
  });

  it('brings cards of every version up', async () => {
    for (const version of Object.values(NvspVersion)) {
      const guest = new ScriptedNetGuest();
      guest.open();
      await guest.negotiate(version);
      await guest.initialize();
      await guest.set(Oid.packetFilter, words(0x0d));
      assert.equal(guest.nic.state, 'up');
      const scaling = await guest.query(Oid.scalingCapabilities);
      assert.equal(scaling.status === 0, version >= NvspVersion.v5);
    }
  });

  it('tells of each step, and begins anew when the guest opens again', async () => {
    const guest = new ScriptedNetGuest();
    const events: NetvspEvent[] = [];
    guest.nic.subscribe((event) => events.push(event));
    const ready = guest.nic.ready();
    for (const round of [1, 2]) {
      guest.open();
      await guest.negotiate();
      await guest.initialize();
      await guest.set(Oid.packetFilter, words(0x0d));
      if (round === 1) await ready;
      await guest.set(Oid.packetFilter, words(0));
      guest.sendPages([bytes('03000000 0c000000 63000000')], { channelType: 1 });
      await guest.until(() => guest.nic.state === 'negotiating');
      guest.primary.close();
    }
    const states = events.flatMap((event) => (event.kind === 'state' ? [event.state] : []));
    const round = ['negotiating', 'initialized', 'up', 'initialized', 'negotiating', 'closed'];
    assert.deepEqual(states, [...round, ...round]);
    assert.deepEqual([guest.nic.channels, guest.nic.version], [0, null]);
  });

  it('cuts the receive buffer by the MTU of the guest', async () => {
    for (const [mtu, sectionBytes] of [
      [1514, 1806],
      [9014, 9306],
      [9217, 1806],
      [600, 1806],
    ] as const) {
      const guest = new ScriptedNetGuest({ mtu: 9000 });
      guest.open();
      await guest.negotiate(NvspVersion.v61, mtu);
      assert.equal(guest.sectionBytes, sectionBytes);
    }
  });

  it('refuses buffers that the guest does not share or that are too small, and says so', async () => {
    const guest = new ScriptedNetGuest({}, { receiveBytes: 1806, sendBytes: 6143 });
    const warnings: NetvspEvent[] = [];
    guest.nic.subscribe((event) => event.kind === 'warning' && warnings.push(event));
    guest.open();
    await guest.request({ kind: 'init', minVersion: 0x60001, maxVersion: 0x60001 });
    for (const gpadl of [0xe1e10, 99]) {
      assert.deepEqual(await guest.request({ kind: 'receiveBuffer', gpadl, bufferId: 0xcafe }), {
        kind: 'receiveBufferComplete',
        status: NvspStatus.failure,
        sections: [],
      });
    }
    for (const gpadl of [0xe1e11, 99]) {
      const answer = await guest.request({ kind: 'sendBuffer', gpadl, bufferId: 0 });
      assert.deepEqual(answer, { kind: 'sendBufferComplete', status: NvspStatus.failure, sectionBytes: 0 });
    }
    assert.equal(warnings.length, 4);
    assert.equal(guest.primary.failure, null);
  });
});

describe('frames of the guest', () => {
  it('come from the send buffer and from pages, in order', async () => {
    const guest = await ScriptedNetGuest.up();
    const port = guest.nic.network.port();
    const ids: bigint[] = [];
    for (let i = 0; i < 12; i += 1) {
      const frame = testFrame(i, { bytes: 60 + 100 * i });
      const message = encodeRndisPacket(frame);
      ids.push(i % 3 === 0 ? guest.sendFrame(frame) : guest.sendPages([message.subarray(0, 50), message.subarray(50)]));
    }
    for (const id of ids) assert.deepEqual(await guest.completed(id), success);
    for (let i = 0; i < 12; i += 1) assert.deepEqual(port.frames.read(), testFrame(i, { bytes: 60 + 100 * i }));
    assert.deepEqual(guest.nic.statistics.sent, { frames: 12, bytes: 12 * 60 + 6600 });
  });

  it('stay in order although the memory of later ones answers first', async () => {
    const guest = await ScriptedNetGuest.up();
    const port = guest.nic.network.port();
    const waiting: (() => void)[] = [];
    guest.memory.before = ({ kind }) =>
      kind === 'read' ? new Promise<void>((resolve) => waiting.push(resolve)) : undefined;
    const ids = [0, 1, 2, 3].map((i) => guest.sendFrame(testFrame(i)));
    assert.equal(waiting.length, 4, 'all are read at once');
    for (const answer of waiting.reverse()) answer();
    for (const id of ids) assert.deepEqual(await guest.completed(id), success);
    assert.deepEqual(
      [0, 1, 2, 3].map(() => numberOf(port.frames.read() as Uint8Array)),
      [0, 1, 2, 3],
    );
  });

  it('may have their head in the send buffer and the rest in pages', async () => {
    const guest = await ScriptedNetGuest.up();
    const port = guest.nic.network.port();
    const message = encodeRndisPacket(testFrame(5, { bytes: 500 }));
    guest.memory.shared(0xe1e11).set(message.subarray(0, 44), 3 * 6144);
    guest.memory.bytes.set(message.subarray(44), 20 * 4096);
    guest.primary.say({
      type: 9,
      flags: 1,
      transactionId: 900n,
      header: bytes('00000000 01000000 f4010000 00000000 1400000000000000'),
      payload: bytes(union('6b000000 00000000 03000000 2c000000')),
    });
    assert.deepEqual(await guest.completed(900n), success);
    assert.deepEqual(port.frames.read(), testFrame(5, { bytes: 500 }));
  });

  it('may follow each other in one section', async () => {
    const guest = await ScriptedNetGuest.up();
    const port = guest.nic.network.port();
    const all = new Uint8Array(8 * 112);
    for (let i = 0; i < 8; i += 1) {
      const message = encodeRndisPacket(testFrame(i, { bytes: 63 }));
      all.set(message, i * 112);
    }
    assert.deepEqual(await guest.completed(guest.sendSection(all)), success);
    for (let i = 0; i < 8; i += 1) assert.equal(numberOf(port.frames.read() as Uint8Array), i);
  });

  it('carry their VLAN beside them, and on the wire in them', async () => {
    const guest = await ScriptedNetGuest.up();
    const port = guest.nic.network.port();
    const vlan = (100 << 4) | 0x8 | 5;
    await guest.completed(guest.sendFrame(testFrame(1), [{ type: PacketInfoType.vlan, value: vlan }]));
    const tagged = port.frames.read() as Uint8Array;
    assert.equal(hex(tagged.subarray(12, 20)), '8100' + 'b064' + '88b5' + '0001');

    tagged.copyWithin(0, 6, 12);
    tagged.set(bytes('00155d010203'));
    port.frames.write(tagged);
    const { frame, info } = await guest.frame();
    assert.equal(packetInfoValue(info, PacketInfoType.vlan), vlan);
    assert.deepEqual(frame, testFrame(1));
  });

  it('keep their tag in them for a guest that cannot take it beside them', async () => {
    const guest = new ScriptedNetGuest();
    guest.open();
    await guest.negotiate(NvspVersion.v61, 1514, 0n);
    await guest.initialize();
    await guest.set(Oid.packetFilter, words(0x0d));
    const port = guest.nic.network.port();
    const tagged = withTag(testFrame(1, { bytes: 1514 }), 100);
    port.frames.write(tagged);
    assert.deepEqual(await guest.frame(), { frame: tagged, info: [], channel: 0 });
    port.frames.write(withTag(testFrame(2, { bytes: 1515 }), 100));
    port.frames.write(testFrame(3));
    assert.equal(numberOf((await guest.frame()).frame), 3);
  });

  it('are answered with a failure where they are none, and the next ones go on', async () => {
    const guest = await ScriptedNetGuest.up();
    const port = guest.nic.network.port();
    const outOfBand = encodeRndisPacket(testFrame(1));
    outOfBand[24] = 1;
    for (const wrong of [
      encodeRndisPacket(new Uint8Array(13)),
      encodeRndisPacket(new Uint8Array(0)),
      encodeRndisPacket(testFrame(1, { bytes: 1519 })),
      outOfBand,
      bytes('01000000 08000000'),
      bytes('01000000 ff000000'),
    ])
      assert.deepEqual(await guest.completed(guest.sendSection(wrong)), failed);
    assert.deepEqual(await guest.completed(guest.sendFrame(testFrame(2))), success);
    assert.equal(numberOf(port.frames.read() as Uint8Array), 2);
    assert.deepEqual([guest.nic.statistics.malformed, guest.nic.statistics.sent.frames], [6, 1]);
  });
});
