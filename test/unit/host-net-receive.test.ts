// SPDX-License-Identifier: MIT
//
// Frames on their way to the guest: sections, completions that come late or never, a full ring, the filter, the cable, and
// several channels.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FlowHash } from '../../dist/host/providers/netvsp/flow-hash.js';
import { parseMac } from '../../dist/protocol/ethernet/address.js';
import { HashBit, hashKeyBytes, Oid, PacketInfoType, packetInfoValue, RndisStatus } from '../../dist/protocol/rndis.js';
import { encodeScalingParameters } from '../../dist/protocol/rndis-scaling.js';
import { numberOf, ScriptedNetGuest, testFrame, words } from './net-guest.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/[ :]/g, ''), 'hex'));
const broadcast = parseMac('ff:ff:ff:ff:ff:ff');
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('frames for the guest', () => {
  it('come in order and whole, many in one packet when they come fast', async () => {
    const guest = await ScriptedNetGuest.up();
    const port = guest.nic.network.port();
    for (let i = 0; i < 300; i += 1) port.frames.write(testFrame(i, { bytes: 16 + 5 * i }));
    for (let i = 0; i < 300; i += 1) assert.deepEqual((await guest.frame()).frame, testFrame(i, { bytes: 16 + 5 * i }));
    const { received, dropped, held, waiting } = guest.nic.statistics;
    assert.deepEqual([received.frames, dropped, held, waiting], [300, 0, 0, 0]);
    assert.equal(received.bytes, 300 * 16 + (5 * 299 * 300) / 2);
  });

  it('stay in order although the memory of later ones is written first', async () => {
    const guest = await ScriptedNetGuest.up();
    const port = guest.nic.network.port();
    const waiting: (() => void)[] = [];
    guest.memory.before = ({ kind }) =>
      kind === 'write' ? new Promise<void>((resolve) => waiting.push(resolve)) : undefined;
    for (let i = 0; i < 40; i += 1) port.frames.write(testFrame(i));
    const seen: number[] = [];
    while (seen.length < 40) {
      for (const answer of waiting.splice(0).reverse()) answer();
      await turn();
      for (const { frame } of guest.frames.splice(0)) seen.push(numberOf(frame));
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 40 }, (_, i) => i),
    );
  });

  it('wait for sections that the guest completes late, and are dropped when too many wait', async () => {
    const guest = await ScriptedNetGuest.up({ queueFrames: 50 }, { receiveBytes: 32 * 1806 });
    const port = guest.nic.network.port();
    guest.holds = true;
    for (let i = 0; i < 100; i += 1) port.frames.write(testFrame(i));
    // 32 sections, of which 16 are kept for answers.
    await guest.until(() => guest.frames.length === 16);
    assert.equal(guest.nic.statistics.held, 16);
    for (let i = 0; i < 20; i += 1) await turn();
    assert.equal(guest.frames.length, 16);
    // One was on its way when the others came; of them 50 could wait.
    assert.deepEqual([guest.nic.statistics.waiting, guest.nic.statistics.dropped], [35, 49]);
    assert.equal((await guest.query(Oid.permanentAddress)).status, 0, 'answers come through');

    guest.holds = false;
    guest.completeHeld(guest.held.map((_, i) => guest.held.length - 1 - i));
    await guest.until(() => guest.frames.length === 51);
    assert.deepEqual(
      guest.frames.map(({ frame }) => numberOf(frame)),
      Array.from({ length: 51 }, (_, i) => i),
    );
    assert.deepEqual([guest.nic.statistics.waiting, guest.nic.statistics.held], [0, 0]);
  });

  it('never take a section that the guest has, however often it completes in another order', async () => {
    const guest = await ScriptedNetGuest.up({}, { receiveBytes: 40 * 1806 });
    const port = guest.nic.network.port();
    guest.holds = true;
    let written = 0;
    for (let round = 0; round < 60; round += 1) {
      for (let i = 0; i < 7; i += 1) port.frames.write(testFrame(written++));
      await turn();
      await turn();
      // The guest checks that nothing it has is handed to it again.
      guest.completeHeld(guest.held.map((_, i) => i).filter((i) => (i + round) % 3 !== 0));
    }
    guest.holds = false;
    guest.completeHeld();
    await guest.until(() => guest.frames.length === written);
    assert.deepEqual(
      guest.frames.map(({ frame }) => numberOf(frame)),
      Array.from({ length: written }, (_, i) => i),
    );
  });

  it('wait for room in the ring, without losing an answer', async () => {
    const guest = await ScriptedNetGuest.up();
    const port = guest.nic.network.port();
    guest.primary.room = 0;
    const ids = Array.from({ length: 5 }, (_, i) => guest.sendFrame(testFrame(i)));
    for (let i = 0; i < 5; i += 1) port.frames.write(testFrame(100 + i));
    for (let i = 0; i < 10; i += 1) await turn();
    assert.equal(guest.frames.length, 0);
    for (let i = 0; i < 30; i += 1) {
      guest.primary.free(1);
      await turn();
    }
    guest.primary.free();
    for (const id of ids) await guest.completed(id);
    for (let i = 0; i < 5; i += 1) assert.equal(numberOf((await guest.frame()).frame), 100 + i);
  });

  it('pass the filter, or not', async () => {
    const guest = await ScriptedNetGuest.up();
    const group = parseMac('01:00:5e:00:00:fb');
    const other = parseMac('02:00:00:00:00:07');
    const port = guest.nic.network.port();
    const arriving = async (filter: number): Promise<number[]> => {
      await guest.set(Oid.packetFilter, words(filter));
      for (const [i, to] of [guest.memory.bytes.subarray(0, 0), broadcast, group, other].entries())
        port.frames.write(testFrame(i, i === 0 ? {} : { to }));
      for (let i = 0; i < 6; i += 1) await turn();
      return guest.frames.splice(0).map(({ frame }) => numberOf(frame));
    };
    assert.deepEqual(await arriving(0x0d), [0, 1, 2]);
    assert.deepEqual(await arriving(0x20), [0, 1, 2, 3]);
    assert.deepEqual(await arriving(0x01), [0]);
    assert.deepEqual(await arriving(0x08), [1]);
    assert.deepEqual(await arriving(0x03), [0]);
    await guest.set(Oid.multicastList, group);
    assert.deepEqual(await arriving(0x03), [0, 2]);
    assert.deepEqual(await arriving(0), []);
    assert.equal(guest.nic.state, 'initialized');
    assert.equal(guest.nic.statistics.refused, 7 * 4 - 12);
  });

  it('are not longer than the guest can take', async () => {
    const guest = await ScriptedNetGuest.up();
    const port = guest.nic.network.port();
    port.frames.write(testFrame(1, { bytes: 1515 }));
    port.frames.write(testFrame(2, { bytes: 1514 }));
    assert.equal(numberOf((await guest.frame()).frame), 2);
    assert.equal(guest.nic.statistics.refused, 1);
  });

  it('are forgotten when the guest wants no more', async () => {
    const guest = await ScriptedNetGuest.up({}, { receiveBytes: 8 * 1806 });
    const port = guest.nic.network.port();
    guest.holds = true;
    for (let i = 0; i < 50; i += 1) port.frames.write(testFrame(i));
    await guest.until(() => guest.frames.length === 4);
    await guest.set(Oid.packetFilter, words(0));
    assert.equal(guest.nic.statistics.waiting, 0);
    guest.holds = false;
    guest.completeHeld();
    await guest.set(Oid.packetFilter, words(0x0d));
    port.frames.write(testFrame(60));
    await guest.until(() => guest.frames.length === 5);
    assert.equal(numberOf(guest.frames[4]?.frame ?? new Uint8Array()), 60);
  });

  it('are forgotten with the channel, and come again to the next one', async () => {
    const guest = await ScriptedNetGuest.up({}, { receiveBytes: 8 * 1806 });
    const port = guest.nic.network.port();
    guest.holds = true;
    for (let i = 0; i < 50; i += 1) port.frames.write(testFrame(i));
    await guest.until(() => guest.frames.length === 4);
    guest.primary.close();
    assert.deepEqual([guest.nic.state, guest.nic.statistics.waiting], ['closed', 0]);
    port.frames.write(testFrame(60));

    const second = new ScriptedNetGuest({ switch: guest.nic.network, mac: '00:15:5d:01:02:04' });
    second.open();
    await second.negotiate();
    await second.initialize();
    await second.set(Oid.packetFilter, words(0x20));
    port.frames.write(testFrame(61));
    assert.equal(numberOf((await second.frame()).frame), 61);
  });
});

describe('the cable', () => {
  it('is told of when it goes and comes, and nothing passes without it', async () => {
    const guest = await ScriptedNetGuest.up();
    const port = guest.nic.network.port();
    guest.nic.disconnect();
    guest.nic.disconnect();
    await guest.until(() => guest.indications.length === 1);
    assert.deepEqual((await guest.query(Oid.mediaConnectStatus)).info, words(1));
    port.frames.write(testFrame(1));
    await guest.completed(guest.sendFrame(testFrame(2)));
    guest.nic.connect();
    port.frames.write(testFrame(3));
    await guest.until(() => guest.indications.length === 2);
    assert.equal(numberOf((await guest.frame()).frame), 3);
    const none = new Uint8Array();
    assert.deepEqual(guest.indications, [
      { kind: 'indicateStatus', status: 0x4001000c, buffer: none },
      { kind: 'indicateStatus', status: 0x4001000b, buffer: none },
    ]);
    assert.deepEqual([guest.nic.statistics.lost, guest.nic.statistics.refused], [1, 1]);
    assert.equal(port.frames.read(), null);
  });

  it('may flap while the guest takes nothing: it hears of the last state', async () => {
    const guest = await ScriptedNetGuest.up({}, { receiveBytes: 4 * 1806 });
    guest.holds = true;
    for (let i = 0; i < 1002; i += 1) {
      if (guest.nic.isConnected) guest.nic.disconnect();
      else guest.nic.connect();
    }
    guest.holds = false;
    await turn();
    guest.completeHeld();
    assert.equal((await guest.query(Oid.mediaConnectStatus)).info[0], 0);
    await turn();
    const last = guest.indications.at(-1);
    assert.equal(last?.kind === 'indicateStatus' && last.status, 0x4001000b);
    assert.ok(guest.indications.length < 30, `${guest.indications.length}`);
  });

  it('is not told of before the guest can hear', async () => {
    const guest = new ScriptedNetGuest({ connected: false });
    guest.open();
    await guest.negotiate();
    guest.nic.connect();
    guest.nic.disconnect();
    await guest.initialize();
    assert.deepEqual((await guest.query(Oid.mediaConnectStatus)).info, words(1));
    assert.deepEqual(guest.indications, []);
  });
});

/** A UDP or TCP frame whose ports make it a flow of its own. */
function flow(port: number, protocol = 6): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set(bytes('00155d010203 020000000099 0800 4500002800004000 40'));
  frame.set([protocol, 0, 0, 10, 9, 9, 1, 10, 9, 9, 2, port >> 8, port & 0xff, 0, 80], 23);
  return frame;
}

describe('several channels', () => {
  it('are granted as many as there may be, once', async () => {
    const guest = await ScriptedNetGuest.up({ queues: 3 });
    const no = { kind: 'subchannel', status: 2, count: 0 };
    assert.deepEqual(await guest.request({ kind: 'subchannel', operation: 1, count: 3 }), no);
    assert.deepEqual(await guest.request({ kind: 'subchannel', operation: 1, count: 0 }), no);
    assert.deepEqual(await guest.request({ kind: 'subchannel', operation: 2, count: 1 }), no);
    await guest.openSubchannels(2, [0, 1, 2]);
    assert.deepEqual(await guest.request({ kind: 'subchannel', operation: 1, count: 1 }), no);
    assert.equal(guest.primary.offered, 2);
    assert.equal(guest.nic.channels, 3);
    assert.deepEqual(
      guest.table,
      Array.from({ length: 16 }, (_, i) => i % 3),
    );
  });

  it('are both used, each flow by one of them and in order', async () => {
    const guest = await ScriptedNetGuest.up({ queues: 2 });
    await guest.openSubchannels(1);
    const port = guest.nic.network.port();
    for (let i = 0; i < 400; i += 1) port.frames.write(flow(1000 + (i % 40)));
    await guest.until(() => guest.frames.length === 400);
    const channels = new Map<number, Set<number>>();
    for (const { frame, channel, info } of guest.frames) {
      const of = ((frame[34] ?? 0) << 8) | (frame[35] ?? 0);
      channels.set(of, (channels.get(of) ?? new Set()).add(channel));
      assert.equal((packetInfoValue(info, PacketInfoType.hash) ?? 0) % 2, channel);
    }
    assert.ok([...channels.values()].every(({ size }) => size === 1));
    const [first, second] = guest.nic.statistics.channels;
    assert.equal((first?.received ?? 0) + (second?.received ?? 0), 400);
    assert.ok((first?.received ?? 0) >= 100 && (second?.received ?? 0) >= 100, JSON.stringify([first, second]));

    await guest.completed(guest.sendFrame(testFrame(1), [], guest.channels[1]));
    assert.equal(guest.nic.statistics.channels[1]?.sent, 1);
  });

  it('carry what has no flow on the primary, and all of it once spreading is switched off', async () => {
    const guest = await ScriptedNetGuest.up({ queues: 2 });
    await guest.openSubchannels(1, [1, 1]);
    const port = guest.nic.network.port();
    port.frames.write(testFrame(1));
    assert.equal((await guest.frame()).channel, 0);
    port.frames.write(flow(1));
    assert.equal((await guest.frame()).channel, 1);
    const off = { isDisabled: true, hashInfo: 0, table: [], key: new Uint8Array() };
    await guest.set(Oid.scalingParameters, encodeScalingParameters(off));
    port.frames.write(flow(1));
    assert.equal((await guest.frame()).channel, 0);
  });

  it('complete on the channel that a packet came on', async () => {
    const guest = await ScriptedNetGuest.up({ queues: 2 });
    await guest.openSubchannels(1, [1]);
    guest.holds = true;
    guest.nic.network.port().frames.write(flow(1));
    await guest.frame();
    const transactionId = guest.held[0]?.transactionId ?? 0n;
    guest.primary.say({ type: 11, transactionId, payload: new Uint8Array(8) });
    assert.match(String(await guest.primary.ended()), /which it does not have/);
  });

  it('give their sections back when they close', async () => {
    const guest = await ScriptedNetGuest.up({ queues: 2 }, { receiveBytes: 8 * 1806 });
    await guest.openSubchannels(1, [1]);
    const port = guest.nic.network.port();
    guest.holds = true;
    for (let i = 0; i < 20; i += 1) port.frames.write(flow(1));
    await guest.until(() => guest.frames.length === 4);
    guest.channels[1]?.close();
    assert.deepEqual([guest.nic.statistics.held, guest.nic.channels], [0, 1]);
    guest.frames.length = 0;
    guest.held.length = 0;
    guest.forgetSections();
    port.frames.write(flow(1));
    assert.equal((await guest.frame()).channel, 0);
  });

  it('give back what was still being written when they closed', async () => {
    // One section for frames, one for answers.
    const guest = await ScriptedNetGuest.up({ queues: 2 }, { receiveBytes: 2 * 1806 });
    await guest.openSubchannels(1, [1]);
    const port = guest.nic.network.port();
    let finish = (): void => undefined;
    guest.memory.before = () => new Promise<void>((resolve) => (finish = resolve));
    port.frames.write(flow(1));
    guest.channels[1]?.close();
    guest.memory.before = () => undefined;
    finish();
    await turn();
    port.frames.write(flow(2));
    assert.equal((await guest.frame()).channel, 0);
  });

  it('are refused in a table that names one that is not open', async () => {
    const guest = await ScriptedNetGuest.up({ queues: 4 });
    const parameters = { isDisabled: false, hashInfo: 0x701, key: new Uint8Array(hashKeyBytes) };
    for (const table of [[0, 1], [], [0xffff_ffff]]) {
      const info = encodeScalingParameters({ ...parameters, table });
      assert.equal(await guest.set(Oid.scalingParameters, info), RndisStatus.invalidData);
    }
    const short = encodeScalingParameters({ ...parameters, table: [0], key: new Uint8Array(39) });
    assert.equal(await guest.set(Oid.scalingParameters, short), RndisStatus.invalidData);
  });
});

describe('the hash of flows', () => {
  const key = bytes('6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa');
  const frame = (type: string, header: string): Uint8Array => bytes(`000000000000 000000000000 ${type} ${header}`);
  const ipv4 = (protocol: string, ports: string): Uint8Array =>
    frame('0800', `45000028 00000000 40${protocol}0000 420995bb a18e6450 ${ports}`);
  const ipv6 = (next: string): Uint8Array =>
    frame(
      '86dd',
      `60000000 0014 ${next} 40 3ffe250102001fff0000000000000007 3ffe2501020000030000000000000001 0aea06e6`,
    );
  const all = HashBit.ipv4 | HashBit.tcpIpv4 | HashBit.ipv6 | HashBit.tcpIpv6;

  it('has the values that Microsoft documents', () => {
    const hash = new FlowHash(all, key);
    assert.equal(hash.of(ipv4('06', '0aea06e6')), 0x51cc_c178);
    assert.equal(hash.of(ipv4('11', '0aea06e6')), 0x323e_8fc2, 'UDP by its addresses alone');
    assert.equal(hash.of(ipv6('06')), 0x4020_7d3d);
    assert.equal(hash.of(ipv6('11')), 0x2cc1_8cd5);
    assert.equal(new FlowHash(HashBit.udpIpv4, key).of(ipv4('11', '0aea06e6')), 0x51cc_c178);
  });

  it('looks at addresses alone in pieces of packets, and at nothing that is cut short', () => {
    const hash = new FlowHash(all, key);
    const fragment = ipv4('06', '0aea06e6');
    fragment[20] = 0x20;
    assert.equal(hash.of(fragment), 0x323e_8fc2);
    assert.equal(hash.of(ipv4('06', '0aea')), 0x323e_8fc2);
    for (let length = 0; length < 34; length += 1) assert.equal(hash.of(ipv4('06', '').subarray(0, length)), null);
    assert.equal(hash.of(ipv6('06').subarray(0, 53)), null);
    assert.equal(new FlowHash(HashBit.ipv6, key).of(ipv4('06', '0aea06e6')), null);
    assert.equal(hash.of(frame('0806', '0001')), null);
  });
});
