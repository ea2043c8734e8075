// SPDX-License-Identifier: MIT
//
// Our guest side of the network card against hosts that break the rules: each step of the beginning answered wrongly, and
// everything that may come later.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { HostPacket, NetvspOptions, NetvspProvider, Provider } from '../../dist/host/index.js';
import { netvsp, SimulatedHost } from '../../dist/host/index.js';
import { type Nic, openBus, openNic } from '../../dist/index.js';
import { encodeNvspHostMessage, NvspType } from '../../dist/protocol/nvsp.js';
import { encodeRndisControl, RndisIndication, RndisType } from '../../dist/protocol/rndis.js';
import { encodeTransferPages, transferPagesType } from '../../dist/protocol/transfer-pages.js';
import { words } from './native-frames.js';
import { datagram, NicScene, take } from './nic-scene.js';

const completion = 11;
const inband = 6;

function u32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at, true);
}

function put(packet: HostPacket, at: number, value: number): HostPacket {
  const payload = packet.payload.slice();
  new DataView(payload.buffer).setUint32(at, value, true);
  return { ...packet, payload };
}

/** Answers of NVSP of a kind, changed. */
function answer(type: number, change: (packet: HostPacket) => HostPacket | null) {
  return (packet: HostPacket): HostPacket | null =>
    packet.type === completion && u32(packet.payload, 0) === type ? change(packet) : packet;
}

/** A card that is opened at a host whose packets are changed. */
async function openAgainst(
  change: (packet: HostPacket) => HostPacket | null,
  options: { queues?: number } = {},
  card: NetvspOptions = {},
): Promise<Nic> {
  const provider = netvsp(card);
  await using host = await SimulatedHost.start({
    devices: [
      {
        ...{
          name: provider.name,
          classGuid: provider.classGuid,
          bufferBytes: provider.bufferBytes ?? { receive: 0, send: 0 },
        },
        onOpen(channel) {
          channel.faults.alterPackets(change);
          return provider.onOpen(channel);
        },
      },
    ],
    bound: true,
    onTrouble: () => undefined,
  });
  const nic = await openNic(openBus({ root: host.root }).device('net'), { handshakeTimeoutMs: 300, ...options });
  await nic.close();
  return nic;
}

const { initComplete, receiveBufferComplete, sendBufferComplete, rndisPacketComplete, subchannel } = NvspType;
const protocol = { code: 'ERR_VMBUS_PROTOCOL' };
const late = { code: 'ERR_VMBUS_TIMEOUT' };
const refused = { code: 'ERR_VMBUS_REFUSED' };
const cut = (bytes: number) => (packet: HostPacket) => ({ ...packet, payload: packet.payload.slice(0, bytes) });

const beginnings: readonly (readonly [string, (packet: HostPacket) => HostPacket | null, object])[] = [
  ['answers no version', answer(initComplete, () => null), late],
  ['answers the version too shortly', answer(initComplete, cut(8)), protocol],
  ['answers the version with another message', answer(initComplete, (p) => put(p, 0, receiveBufferComplete)), protocol],
  [
    'answers the version with a message that is whole',
    answer(initComplete, (p) => put(p, 0, sendBufferComplete)),
    protocol,
  ],
  ['answers the version with no message', answer(initComplete, (p) => put(p, 0, 9999)), protocol],
  ['answers the version under another id', answer(initComplete, (p) => ({ ...p, transactionId: 99n })), late],
  ['refuses the receive buffer', answer(receiveBufferComplete, (p) => put(p, 4, 2)), refused],
  ['answers the receive buffer too shortly', answer(receiveBufferComplete, cut(24)), protocol],
  ['cuts the receive buffer into no sections', answer(receiveBufferComplete, (p) => put(p, 8, 0)), protocol],
  ['cuts it into more sections than it names', answer(receiveBufferComplete, (p) => put(p, 8, 0x1000_0001)), protocol],
  ['begins it at an offset', answer(receiveBufferComplete, (p) => put(p, 12, 8)), protocol],
  ['has pieces of no bytes', answer(receiveBufferComplete, (p) => put(p, 16, 0)), protocol],
  ['has pieces of 67 bytes', answer(receiveBufferComplete, (p) => put(p, 16, 67)), protocol],
  ['has no pieces', answer(receiveBufferComplete, (p) => put(p, 20, 0)), protocol],
  ['has more pieces than there is room', answer(receiveBufferComplete, (p) => put(p, 20, 0xffff_ffff)), protocol],
  [
    'has one piece that is too large',
    answer(receiveBufferComplete, (p) => put(put(p, 20, 1), 16, 0x2000_0000)),
    protocol,
  ],
  ['refuses the send buffer', answer(sendBufferComplete, (p) => put(p, 4, 2)), refused],
  ['answers the send buffer too shortly', answer(sendBufferComplete, cut(8)), protocol],
  ['has sections of no bytes', answer(sendBufferComplete, (p) => put(p, 8, 0)), protocol],
  ['has sections of 6145 bytes', answer(sendBufferComplete, (p) => put(p, 8, 6145)), protocol],
  ['has sections larger than the buffer', answer(sendBufferComplete, (p) => put(p, 8, 0x0100_0004)), protocol],
  ['hands over no answers of RNDIS', (p) => (p.type === transferPagesType ? null : p), late],
];

describe('a host that', () => {
  for (const [what, change, error] of beginnings) {
    it(`${what} gets no card`, async () => {
      await assert.rejects(openAgainst(change), error);
    });
  }

  it('grants more subchannels than were wanted gets no card', async () => {
    const change = answer(subchannel, (p) => put(p, 8, 2));
    await assert.rejects(openAgainst(change, { queues: 2 }, { queues: 4 }), protocol);
  });

  it('refuses subchannels gets a card of one queue', async () => {
    const nic = await openAgainst(
      answer(subchannel, (p) => put(p, 4, 2)),
      { queues: 2 },
      { queues: 2 },
    );
    assert.equal(nic.queues, 1);
  });

  it('fails every send is counted', async () => {
    const change = answer(rndisPacketComplete, (p) => put(p, 4, 2));
    const nic = await openAgainst(change);
    assert.ok(nic.stats().refused > 5);
  });
});

/** The card of our host, which does not see completions of what the test sends in its name. */
function withoutForged(card: NetvspProvider): Provider {
  const { name, classGuid, bufferBytes } = card;
  return {
    ...{ name, classGuid, ...(bufferBytes ? { bufferBytes } : {}) },
    onOpen(channel) {
      const session = card.onOpen(channel);
      return {
        onPacket(packet) {
          if (packet.type !== completion || packet.transactionId < forgedIds) session.onPacket(packet);
        },
        onSpace: () => session.onSpace?.(),
        onClose: (reason) => session.onClose?.(reason),
      };
    },
  };
}
const forgedIds = 0x1_0000_0000n;
/** More completions than such a ring holds. */
const mostAsked = 10_000;

describe('a card whose host', () => {
  const pieces = (ranges: readonly { byteCount: number; byteOffset: number }[], setId = 0xcafe): Uint8Array =>
    encodeTransferPages({ setId, ranges });
  const carries = words(107, 0, 0xffff_ffff, 0);

  /** Sends something odd, and sees that the card is as good as before. */
  async function survives(act: (scene: NicScene) => void): Promise<Nic> {
    await using scene = await NicScene.open({}, {}, withoutForged);
    const { nic, host, card } = scene;
    act(scene);
    const port = card.network.port();
    const reading = nic.frames().next();
    port.frames.write(datagram(new Uint8Array(50)));
    assert.equal((await reading).value?.length, 1);
    const arriving = take(port.frames, 1);
    await nic.send(datagram(new Uint8Array(50)));
    await arriving;
    assert.equal(host.channels('net').length, 1);
    return nic;
  }
  const send =
    (payload: Uint8Array, type: number, transactionId = forgedIds, header: Uint8Array = new Uint8Array(0)) =>
    ({ host }: NicScene): void => {
      host.channels('net')[0]?.send(payload, { type, transactionId, header, flags: 0 });
    };

  const oddities: readonly (readonly [string, (scene: NicScene) => void, 'malformed' | 'stray' | null])[] = [
    [
      'hands over another set',
      send(carries, 7, forgedIds, pieces([{ byteCount: 100, byteOffset: 0 }], 1)),
      'malformed',
    ],
    [
      'hands over a piece outside',
      send(carries, 7, forgedIds, pieces([{ byteCount: 100, byteOffset: 2 ** 31 }])),
      'malformed',
    ],
    ['hands over nothing', send(carries, 7, forgedIds, words(0xcafe, 0)), 'malformed'],
    ['completes what was never sent', send(words(108, 1), 11, 4711n), 'stray'],
    ['completes a section that was never sent', send(words(108, 1), 11, (1n << 63n) | 7n), 'stray'],
    ['completes with the largest id', send(words(108, 1), 11, (1n << 64n) - 1n), 'stray'],
    ['answers what was not asked', send(words(2, 0xffff_ffff, 34, 1), 11, 1n), 'stray'],
    ['says what nobody knows', send(words(9999, 1, 2, 3), inband), 'malformed'],
    ['says nothing at all', send(new Uint8Array(0), inband), 'malformed'],
    ['says half a message', send(words(128), inband), 'malformed'],
    ['has a table of 17 entries', send(words(134, 17, 12, ...Array(17).fill(0)), inband), 'malformed'],
    ['has a table outside its message', send(words(134, 16, 0x1000, ...Array(16).fill(0)), inband), 'malformed'],
    ['has a table over its own header', send(words(134, 16, 0, ...Array(24).fill(0)), inband), 'malformed'],
    ['sends a packet of pages', send(words(107, 0, 0, 0), 9), 'stray'],
    ['names queues that there are not', send(words(134, 16, 12, ...Array(16).fill(0xffff_ffff)), inband), null],
    [
      'offers a virtual function',
      send(encodeNvspHostMessage({ kind: 'virtualFunction', isAllocated: true, serial: 7 }), inband),
      null,
    ],
  ];
  for (const [what, act, counter] of oddities) {
    it(`${what} goes on`, async () => {
      const nic = await survives(act);
      if (counter !== null) assert.equal(nic.stats()[counter], 1);
    });
  }

  it('says the same a thousand times makes one event of it', async () => {
    await using scene = await NicScene.open({}, {}, withoutForged);
    const events = scene.nic.events();
    const down = encodeRndisControl({
      kind: 'indicateStatus',
      status: RndisIndication.mediaDisconnect,
      buffer: new Uint8Array(0),
    });
    for (let i = 0; i < 1000; i += 1) await indicateAt(scene, down);
    scene.card.disconnect();

    assert.deepEqual(await events.next(), { done: false, value: { kind: 'link', isUp: false } });
    const next = events.next();
    scene.card.connect();
    assert.deepEqual((await next).value, { kind: 'link', isUp: true });
  });

  it('forgets to count the buffer of an indication is understood', async () => {
    await using scene = await NicScene.open({}, {}, withoutForged);
    const events = scene.nic.events();
    const speed = encodeRndisControl({
      kind: 'indicateStatus',
      status: RndisIndication.linkSpeed,
      buffer: words(400_000_000),
    });
    new DataView(speed.buffer).setUint32(4, 20, true);
    await indicateAt(scene, speed);

    assert.deepEqual((await events.next()).value, { kind: 'speed', mbps: 40_000 });
  });

  it('sends control messages that are none is counted', async () => {
    await using scene = await NicScene.open({}, {}, withoutForged);
    for (const bytes of [
      words(99, 8),
      words(RndisType.queryComplete, 8),
      words(RndisType.queryComplete, 24, 77, 0, 0, 0),
    ])
      await indicateAt(scene, bytes);
    scene.card.disconnect();
    await scene.nic.events().next();

    const { malformed, stray } = scene.nic.stats();
    assert.equal(malformed + stray, 3);
  });

  it('asks whether the card is alive is answered', async () => {
    await using scene = await NicScene.open({}, {}, withoutForged);
    await indicateAt(scene, words(RndisType.keepalive, 12, 5));
    // Our own host never asks, and takes the answer for an offence.
    while (scene.troubles.length === 0) await new Promise((resolve) => setImmediate(resolve));

    assert.match(scene.troubles.join(), /keepaliveComplete/);
    assert.equal(scene.nic.stats().malformed, 0);
  });

  it('asks for completions without end and never reads them ends it with one error', async () => {
    await using scene = await NicScene.open({ ringBytes: 65_536 });
    const { nic, host } = scene;
    const [channel] = host.channels('net');
    const reading = nic.frames().next();
    reading.catch(() => undefined);
    const message = encodeNvspHostMessage({ kind: 'virtualFunction', isAllocated: true, serial: 7 });
    channel?.faults.stall(true);

    for (let i = 0; nic.isOpen && i < mostAsked; ) {
      if (channel?.send(message, { type: inband, transactionId: forgedIds, flags: 1 })) i += 1;
      else await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(nic.isOpen, false, 'the card answers on and on');

    await assert.rejects(reading, { code: 'ERR_VMBUS_PROTOCOL', message: /completions/, hint: /open it again/ });
    assert.equal((await nic.closed).by, 'violation');
  });

  it('asks for a completion on a subchannel got it on the primary channel', async () => {
    const completed: [number, bigint][] = [];
    const listening = (card: NetvspProvider): Provider => {
      const quiet = withoutForged(card);
      return {
        ...quiet,
        onOpen(channel) {
          const session = quiet.onOpen(channel);
          const onPacket = (packet: HostPacket): void => {
            if (packet.type === completion && packet.transactionId >= forgedIds)
              completed.push([channel.subchannelIndex, packet.transactionId]);
            session.onPacket(packet);
          };
          return { ...session, onPacket };
        },
      };
    };
    await using scene = await NicScene.open({ queues: 2 }, { queues: 2 }, listening);
    assert.equal(scene.nic.queues, 2);
    const message = encodeNvspHostMessage({ kind: 'virtualFunction', isAllocated: true, serial: 7 });
    for (const [i, channel] of scene.host.channels('net').entries())
      channel.send(message, { type: inband, transactionId: forgedIds + BigInt(i), flags: 1 });
    while (completed.length < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      completed.toSorted(([a], [b]) => a - b),
      [
        [0, forgedIds],
        [1, forgedIds + 1n],
      ],
    );
  });

  it('breaks the rules of the ring ends it with one error', async () => {
    await using scene = await NicScene.open({}, {}, withoutForged);
    const reading = scene.nic.frames().next();
    scene.host.channels('net')[0]?.faults.writeRaw(words(0xffff_ffff, 0xffff_ffff, 0, 0));

    await assert.rejects(reading, { code: 'ERR_VMBUS_CORRUPT' });
    assert.equal((await scene.nic.closed).by, 'violation');
  });

  /** Hands bytes over in the last piece of the buffer, which the host's card uses last. */
  async function indicateAt({ nic, host }: NicScene, bytes: Uint8Array): Promise<void> {
    const [channel] = host.channels('net');
    const { pieceBytes, pieces: count } = nic.inspect().receiveBuffer;
    const byteOffset = pieceBytes * (count - 1);
    await channel?.memory.buffer(receiveGpadl(host))?.write(byteOffset, bytes);
    const header = pieces([{ byteCount: bytes.length, byteOffset }]);
    while (channel?.send(carries, { type: 7, transactionId: forgedIds + 1n, header }) === false)
      await new Promise((resolve) => setImmediate(resolve));
  }
});

function receiveGpadl(host: SimulatedHost): number {
  const maps = openBus({ root: host.root }).device('net').uio?.maps ?? [];
  return Number(maps.find(({ index }) => index === 3)?.name?.split(':')[1]);
}
