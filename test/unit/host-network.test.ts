// SPDX-License-Identifier: MIT
//
// The network around cards: a switch that learns, ports for scripts, and cards that talk through it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetworkSwitch, networkPeer } from '../../dist/host/index.js';
import { broadcastMac, parseIpv4, parseMac } from '../../dist/protocol/ethernet/address.js';
import { ArpOperation, decodeArp, encodeArp } from '../../dist/protocol/ethernet/arp.js';
import { decodeFrame, EtherType, encodeFrame } from '../../dist/protocol/ethernet/frame.js';
import { decodeIcmpEcho, encodeIcmpEcho, IcmpType } from '../../dist/protocol/ethernet/icmp.js';
import { decodeIpv4, encodeIpv4, IpProtocol } from '../../dist/protocol/ethernet/ipv4.js';
import { encodeRndisPacket } from '../../dist/protocol/rndis.js';
import { numberOf, ScriptedNetGuest, testFrame } from './net-guest.js';

const a = parseMac('02:00:00:00:00:0a');
const b = parseMac('02:00:00:00:00:0b');
const c = parseMac('02:00:00:00:00:0c');
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Frames that a port has now. */
function arrived(port: ReturnType<NetworkSwitch['port']>): number[] {
  const numbers: number[] = [];
  for (let frame = port.frames.read(); frame; frame = port.frames.read()) numbers.push(numberOf(frame));
  return numbers;
}

describe('a switch', () => {
  it('floods what it does not know, learns, and forwards', () => {
    const lan = new NetworkSwitch();
    const [one, two, three] = [lan.port(), lan.port(), lan.port()];
    one.frames.write(testFrame(1, { from: a, to: b }));
    assert.deepEqual([one, two, three].map(arrived), [[], [1], [1]]);
    two.frames.write(testFrame(2, { from: b, to: a }));
    one.frames.write(testFrame(3, { from: a, to: b }));
    assert.deepEqual([one, two, three].map(arrived), [[2], [3], []]);
    three.frames.write(testFrame(4, { from: c, to: broadcastMac }));
    one.frames.write(testFrame(5, { from: a, to: parseMac('01:00:5e:00:00:01') }));
    assert.deepEqual([one, two, three].map(arrived), [[4], [4, 5], [5]]);
    assert.deepEqual(lan.statistics, { forwarded: 2, flooded: 3, dropped: 0, addresses: 3 });
  });

  it('follows a station to another port, and never sends a frame back', () => {
    const lan = new NetworkSwitch();
    const [one, two, three] = [lan.port(), lan.port(), lan.port()];
    one.frames.write(testFrame(1, { from: a, to: broadcastMac }));
    two.frames.write(testFrame(2, { from: a, to: broadcastMac }));
    [one, two, three].map(arrived);
    three.frames.write(testFrame(3, { from: c, to: a }));
    two.frames.write(testFrame(4, { from: b, to: a }));
    assert.deepEqual([one, two, three].map(arrived), [[], [3], []]);
  });

  it('forgets who was unplugged', () => {
    const lan = new NetworkSwitch();
    const [one, two, three] = [lan.port(), lan.port(), lan.port()];
    one.frames.write(testFrame(1, { from: a, to: broadcastMac }));
    one.close();
    [two, three].map(arrived);
    two.frames.write(testFrame(2, { from: b, to: a }));
    assert.deepEqual([two, three].map(arrived), [[], [2]]);
    three.frames.destroy();
    two.frames.write(testFrame(3, { from: b, to: a }));
    assert.equal(lan.statistics.addresses, 1);
  });

  it('drops what is no frame, and remembers no more addresses than it can', () => {
    const lan = new NetworkSwitch();
    const [one, two] = [lan.port(), lan.port()];
    one.frames.write(new Uint8Array(13));
    one.frames.write(new Uint8Array(0x1_0000));
    assert.deepEqual([arrived(two), lan.statistics.dropped], [[], 2]);
    for (let i = 0; i < 5000; i += 1)
      one.frames.write(testFrame(i, { from: Uint8Array.of(2, 0, 0, 1, i >> 8, i & 0xff), to: broadcastMac }));
    assert.equal(lan.statistics.addresses, 4096);
    assert.equal(two.dropped, 5000 - 1024);
  });

  it('lets two that answer each other for ever have only their turn', async () => {
    const lan = new NetworkSwitch();
    let frames = 0;
    const mirrors = [
      [a, b],
      [b, a],
    ].map(([from, to]) => {
      const mirror = lan.connect({
        name: 'mirror',
        deliver: () => {
          frames += 1;
          mirror.send(testFrame(1, { from: from as Uint8Array, to: to as Uint8Array }));
        },
      });
      return mirror;
    });
    const port = lan.port();
    port.frames.write(testFrame(1, { from: c, to: a }));
    const before = frames;
    assert.ok(before >= 1000 && before <= 1100, `${before}`);
    await turn();
    assert.ok(frames > before);
    for (const mirror of mirrors) mirror.disconnect();
    assert.equal(lan.statistics.addresses, 1);
  });

  it('refuses what is no station', () => {
    assert.throws(() => new NetworkSwitch().connect(7 as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => new NetworkSwitch().connect({ name: 'x' } as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => new NetworkSwitch().port({ capacity: 0 }), { code: 'ERR_OUT_OF_RANGE' });
  });
});

describe('a port for scripts', () => {
  it('is a stream of frames that ends when it is closed', async () => {
    const lan = new NetworkSwitch();
    const [one, two] = [lan.port(), lan.port({ name: 'tap' })];
    for (let i = 0; i < 5; i += 1) one.frames.write(testFrame(i, { to: broadcastMac }));
    two.close();
    two.close();
    const seen: number[] = [];
    for await (const frame of two.frames) seen.push(numberOf(frame));
    assert.deepEqual(seen, [0, 1, 2, 3, 4]);
    one.frames.write(testFrame(6, { to: broadcastMac }));
    assert.equal(two.name, 'tap');
  });

  it('gives every reader bytes of its own, and keeps none of a writer', () => {
    const lan = new NetworkSwitch();
    const [one, two, three] = [lan.port(), lan.port(), lan.port()];
    const frame = testFrame(1, { to: broadcastMac });
    one.frames.write(frame);
    frame.fill(0);
    (two.frames.read() as Uint8Array).fill(0xff);
    assert.deepEqual(three.frames.read(), testFrame(1, { to: broadcastMac }));
  });

  it('refuses what is no frame at all', async () => {
    const { frames } = new NetworkSwitch().port();
    const error = new Promise((resolve) => frames.once('error', resolve));
    frames.write('text');
    assert.match(String(await error), /Uint8Array/);
  });
});

const peerMac = parseMac('00:15:5d:ff:09:01');
const guestAddress = parseIpv4('10.9.9.2');
const peerAddress = parseIpv4('10.9.9.1');

describe('two cards on one switch', () => {
  it('ping each other through it, and each the neighbour', async () => {
    const lan = new NetworkSwitch();
    lan.connect(networkPeer({ address: '10.9.9.1' }));
    const one = await ScriptedNetGuest.up({ switch: lan, mac: '02:00:00:00:00:0a' });
    const two = await ScriptedNetGuest.up({ switch: lan, mac: '02:00:00:00:00:0b' });
    const ping = (from: Uint8Array, to: Uint8Array, type: number, addresses: readonly [string, string]): Uint8Array => {
      const echo = encodeIcmpEcho({ type, identifier: 1, sequence: 1, data: Uint8Array.of(1, 2, 3, 4) });
      const [source, destination] = addresses.map((text) => parseIpv4(text));
      const packet = { source: source ?? 0, destination: destination ?? 0, protocol: IpProtocol.icmp, payload: echo };
      return encodeFrame({ destination: to, source: from, type: EtherType.ipv4, payload: encodeIpv4(packet) });
    };
    const request = ping(a, b, IcmpType.echoRequest, ['10.9.9.2', '10.9.9.3']);
    one.sendFrame(request);
    assert.deepEqual((await two.frame()).frame, request);
    const reply = ping(b, a, IcmpType.echoReply, ['10.9.9.3', '10.9.9.2']);
    two.sendPages([encodeRndisPacket(reply)]);
    assert.deepEqual((await one.frame()).frame, reply);

    one.sendFrame(ping(a, peerMac, IcmpType.echoRequest, ['10.9.9.2', '10.9.9.1']));
    const pong = decodeFrame((await one.frame()).frame);
    assert.equal(decodeIcmpEcho(decodeIpv4(pong?.payload ?? new Uint8Array())?.payload ?? new Uint8Array())?.type, 0);
    assert.equal(two.frames.length, 0);
  });

  it('have the neighbour that their option names', async () => {
    const guest = await ScriptedNetGuest.up({ peer: '10.9.9.1/24', mac: '02:00:00:00:00:0a' });
    const arp = encodeArp({
      operation: ArpOperation.request,
      senderMac: a,
      senderAddress: guestAddress,
      targetMac: new Uint8Array(6),
      targetAddress: peerAddress,
    });
    guest.sendFrame(encodeFrame({ destination: broadcastMac, source: a, type: EtherType.arp, payload: arp }));
    const reply = decodeFrame((await guest.frame()).frame);
    assert.equal(decodeArp(reply?.payload ?? new Uint8Array())?.senderAddress, peerAddress);
    assert.equal(guest.nic.peer?.statistics.arps, 1);
  });
});
