// SPDX-License-Identifier: MIT
//
// The network card on a machine without QEMU: real rings, buffers of pages that lie apart, several channels, a guest that
// reads late; and on a served folder, where there is no buffer to share.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';

import { type NetvspProvider, netvsp, QemuHost, SimulatedHost } from '../../dist/host/index.js';
import { openBus, openChannel } from '../../dist/index.js';
import { broadcastMac, parseIpv4, parseMac } from '../../dist/protocol/ethernet/address.js';
import { ArpOperation, decodeArp, encodeArp } from '../../dist/protocol/ethernet/arp.js';
import { EtherType, encodeFrame } from '../../dist/protocol/ethernet/frame.js';
import {
  decodeNvspHostMessage,
  encodeNvspGuestMessage,
  type NvspGuestMessage,
  type NvspHostMessage,
} from '../../dist/protocol/nvsp.js';
import {
  decodeRndisPacket,
  encodeRndisControl,
  encodeRndisPacket,
  Oid,
  type RndisControlMessage,
} from '../../dist/protocol/rndis.js';
import { decodeTransferPages } from '../../dist/protocol/transfer-pages.js';
import { FakeMachine, type GuestChannel, pageBytes, type SeenOffer, words } from './fake-machine.js';

const machines: FakeMachine[] = [];
const hosts: QemuHost[] = [];
const mac = parseMac('00:15:5d:01:02:03');
const done = encodeNvspGuestMessage({ kind: 'rndisPacketComplete', status: 1 });

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
  for (const machine of machines.splice(0)) machine.close();
});

/** A card that is up on a machine, with buffers of scattered pages. */
class MachineWithCard {
  readonly #receivePages: readonly number[];
  readonly #sendPages: readonly number[];
  readonly frames: Uint8Array[] = [];
  #section = 0;

  private constructor(
    readonly machine: FakeMachine,
    readonly offer: SeenOffer,
    readonly guest: GuestChannel,
  ) {
    this.#receivePages = machine.pages(30);
    this.#sendPages = machine.pages(30);
  }

  static async up(nic: NetvspProvider, isMapped: boolean, ringPages = 4): Promise<MachineWithCard> {
    const machine = new FakeMachine();
    machines.push(machine);
    const memory = isMapped ? { memoryFile: machine.memoryFile } : {};
    hosts.push(await QemuHost.start({ devices: [nic], stream: machine.stream, ...memory }));
    const [offer] = await machine.connect();
    assert.ok(offer);
    const card = new MachineWithCard(machine, offer, await machine.open(offer, ringPages));
    await card.#initialise();
    return card;
  }

  async request(message: NvspGuestMessage): Promise<NvspHostMessage> {
    assert.ok(this.guest.send(encodeNvspGuestMessage(message), 5n, 1));
    return decodeNvspHostMessage((await this.guest.receive()).payload);
  }

  /** Puts an RNDIS message into the send buffer and says so. */
  send(bytes: Uint8Array, channelType = 0, guest = this.guest): boolean {
    const sectionIndex = this.#section++ % 20;
    for (let at = 0; at < bytes.length; at += 8)
      this.machine.write(address(this.#sendPages, sectionIndex * 6144 + at), bytes.subarray(at, at + 8));
    const message = { kind: 'rndisPacket', channelType, sectionIndex, sectionBytes: bytes.length } as const;
    return guest.send(encodeNvspGuestMessage(message), 6n, 1);
  }

  /** Takes the next packet; frames are kept, and given back at once. */
  async take(guest = this.guest): Promise<number> {
    const packet = await guest.receive();
    if (packet.type !== 7) return packet.type;
    const pages = decodeTransferPages(packet.header);
    const message = decodeNvspHostMessage(packet.payload);
    assert.ok(pages && message.kind === 'rndisPacket');
    for (const { byteCount, byteOffset } of pages.ranges) {
      const bytes = Uint8Array.from({ length: byteCount }, (_, i) => {
        return this.machine.read(address(this.#receivePages, byteOffset + i), 1)[0] ?? 0;
      });
      if (message.channelType === 0) this.frames.push(decodeRndisPacket(bytes).frame.slice());
    }
    while (!guest.send(done, packet.id, 0, 11)) await new Promise((resolve) => setImmediate(resolve));
    return packet.type;
  }

  async #initialise(): Promise<void> {
    const { machine, offer } = this;
    const receive = await machine.share(offer.relid, this.#receivePages);
    const send = await machine.share(offer.relid, this.#sendPages);
    await this.request({ kind: 'init', minVersion: 0x60001, maxVersion: 0x60001 });
    this.guest.send(encodeNvspGuestMessage({ kind: 'ndisConfig', mtu: 1514, capabilities: 8n }));
    const buffer = await this.request({ kind: 'receiveBuffer', gpadl: receive, bufferId: 0xcafe });
    assert.ok(buffer.kind === 'receiveBufferComplete' && buffer.sections[0]?.count === 68);
    await this.request({ kind: 'sendBuffer', gpadl: send, bufferId: 0 });
    await this.#control({ kind: 'initialize', requestId: 1, major: 1, minor: 0, maxTransferBytes: 0x4000 });
    await this.#control({ kind: 'set', requestId: 2, oid: Oid.packetFilter, info: words(0x0d) });
  }

  async #control(message: RndisControlMessage): Promise<void> {
    assert.ok(this.send(encodeRndisControl(message), 1));
    assert.deepEqual([await this.take(), await this.take()], [11, 7]);
  }
}

function address(pages: readonly number[], at: number): number {
  return (pages[Math.floor(at / pageBytes)] ?? 0) * pageBytes + (at % pageBytes);
}

function arpRequest(): Uint8Array {
  const payload = encodeArp({
    operation: ArpOperation.request,
    senderMac: mac,
    senderAddress: parseIpv4('10.9.9.2'),
    targetMac: new Uint8Array(6),
    targetAddress: parseIpv4('10.9.9.1'),
  });
  return encodeFrame({ destination: broadcastMac, source: mac, type: EtherType.arp, payload });
}

for (const isMapped of [true, false]) {
  describe(isMapped ? 'a network card in mapped memory' : 'a network card over the stream', () => {
    it('asks its neighbour, on the primary and on a subchannel', async () => {
      const nic = netvsp({ mac: '00:15:5d:01:02:03', peer: '10.9.9.1/24', queues: 2 });
      const card = await MachineWithCard.up(nic, isMapped);
      assert.equal(nic.state, 'up');
      const granted = await card.request({ kind: 'subchannel', operation: 1, count: 1 });
      assert.deepEqual(granted, { kind: 'subchannel', status: 1, count: 1 });
      const second = await card.machine.open(await card.machine.expectOffer());
      assert.equal(await card.take(), 6, 'the indirection table');

      for (const guest of [card.guest, second]) {
        assert.ok(card.send(encodeRndisPacket(arpRequest()), 0, guest));
        assert.equal(await card.take(guest), 11);
        assert.equal(await card.take(), 7, 'without scaling all comes on the primary');
        const reply = card.frames.shift() ?? new Uint8Array();
        assert.equal(decodeArp(reply.subarray(14))?.senderAddress, parseIpv4('10.9.9.1'));
      }
      assert.deepEqual(nic.statistics.channels, [
        { sent: 1, received: 2 },
        { sent: 1, received: 0 },
      ]);
    });

    it('gives every frame to a guest that reads late, from a small ring, whole and in order', async () => {
      const nic = netvsp({ mac: '00:15:5d:01:02:03' });
      const card = await MachineWithCard.up(nic, isMapped, 2);
      const port = nic.network.port();
      const frame = (i: number): Uint8Array => {
        const bytes = new Uint8Array(60 + ((i * 97) % 1400)).fill(i & 0xff, 14);
        bytes.set(mac);
        bytes.set([2, 0, 0, 0, 0, 9, 0x88, 0xb5, i >> 8, i & 0xff], 6);
        return bytes;
      };
      const count = isMapped ? 400 : 150;
      for (let i = 0; i < count; i += 1) port.frames.write(frame(i));
      while (card.frames.length < count) assert.equal(await card.take(), 7);
      for (const [i, each] of card.frames.entries()) assert.deepEqual(each, frame(i), `${i}`);
      assert.equal(nic.statistics.dropped, 0);
    });
  });
}

describe('a network card on a served folder', () => {
  it('refuses a buffer, and says that the guest shares none', async () => {
    const nic = netvsp();
    const warnings: string[] = [];
    nic.subscribe((event) => event.kind === 'warning' && warnings.push(event.text));
    await using host = await SimulatedHost.start({ devices: [nic], bound: true });
    await using channel = await openChannel(openBus({ root: host.root }).device('net'));

    const init = { kind: 'init', minVersion: 0x60001, maxVersion: 0x60001 } as const;
    await channel.request(encodeNvspGuestMessage(init));
    const share = { kind: 'receiveBuffer', gpadl: 7, bufferId: 0xcafe } as const;
    const answer = decodeNvspHostMessage((await channel.request(encodeNvspGuestMessage(share))).payload);

    assert.deepEqual(answer, { kind: 'receiveBufferComplete', status: 2, sections: [] });
    assert.match(warnings.join(), /shares no receive buffer under the handle 7/);
  });
});
