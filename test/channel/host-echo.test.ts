// SPDX-License-Identifier: MIT
//
// The echo device over the local attachment: every kind of packet, commands, subchannels, opening again; in this process
// and in one of its own.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { EchoVerb, echo, encodeEchoCommand, SimulatedHost, startHostProcess } from '../../dist/host/index.js';
import { decodeEchoCommand, type EchoCommand } from '../../dist/protocol/echo.js';
import { type RawChannel, RawGuest, UeventLog } from './host-raw-guest.js';

interface Served {
  readonly root: string;
  close(): Promise<void>;
}

async function command(
  channel: RawChannel,
  verb: keyof typeof EchoVerb,
  argument = 0,
  second = 0,
): Promise<EchoCommand> {
  channel.trySend(encodeEchoCommand({ verb: EchoVerb[verb], argument, second }), { flags: 1, id: 99n });
  for (;;) {
    const packet = await channel.receive();
    const answer = packet.type === 11 ? decodeEchoCommand(packet.payload) : null;
    if (answer) return answer;
  }
}

const guid = '6a3b0000-1111-2222-3333-000000000001';
const ways: readonly (readonly [string, () => Promise<Served>])[] = [
  ['in this process', () => SimulatedHost.start({ devices: [echo({ instanceGuid: guid })], bound: true })],
  [
    'in a process of its own',
    () => startHostProcess({ devices: [{ name: 'echo', options: { instanceGuid: guid } }], bound: true }),
  ],
];

for (const [where, start] of ways) {
  describe(`an echo device ${where}`, () => {
    let host: Served;
    before(async () => {
      host = await start();
    });
    after(() => host.close());

    it('sends packets back in order, requests as completions', async (t) => {
      const guest = await RawGuest.open(host.root);
      t.after(() => guest.close());
      const channel = guest.primary();

      assert.equal(channel.trySend('in-band!', { id: 5n }), 0);
      assert.equal(channel.trySend('request', { id: 0x1_0000_0002n, flags: 1 }), 0);
      assert.equal(channel.trySend('with a header', { type: 9, header: Buffer.from('headerheaderhead'), id: 6n }), 0);
      assert.equal(channel.trySend('', { id: 7n }), 0);

      const got = [await channel.receive(), await channel.receive(), await channel.receive(), await channel.receive()];
      assert.deepEqual(
        got.map(({ type, flags, id, header, payload }) => [type, flags, id, header.toString(), payload.toString()]),
        [
          [6, 0, 5n, '', 'in-band!'],
          [11, 0, 0x1_0000_0002n, '', 'request\0'],
          [9, 0, 6n, 'headerheaderhead', 'with a header\0\0\0'],
          [6, 0, 7n, '', ''],
        ],
      );
    });

    it('answers a request with a header by a plain completion, and a completion not at all', async (t) => {
      const guest = await RawGuest.open(host.root);
      t.after(() => guest.close());
      const channel = guest.primary();

      channel.trySend('answer', { type: 11, id: 1n });
      channel.trySend('payload!', { type: 9, header: Buffer.from('8 bytes!'), flags: 1, id: 2n });

      const { type, id, header, payload } = await channel.receive();
      assert.deepEqual([type, id, header.toString(), payload.toString()], [11, 2n, '', 'payload!']);
      assert.equal((await command(channel, 'count')).argument, 3);
    });

    it('takes the longest packet there can be', async (t) => {
      const guest = await RawGuest.open(host.root);
      t.after(() => guest.close());
      const channel = guest.primary();
      const payload = Buffer.alloc(524_264, 'abcdefgh');

      assert.equal(channel.trySend(payload), 0);

      assert.equal(payload.compare((await channel.receive()).payload), 0);
    });

    it('keeps every packet and their order when both rings run full', async (t) => {
      const guest = await RawGuest.open(host.root);
      t.after(() => guest.close());
      const channel = guest.primary();
      const total = 4000;
      let sent = 0;
      let received = 0;

      while (received < total) {
        while (sent < total) {
          const payload = Buffer.alloc(2000 + (sent % 7) * 8);
          payload.writeUInt32LE(sent);
          if (channel.trySend(payload, { id: BigInt(sent), flags: sent % 2 }) !== 0) break;
          sent += 1;
        }
        const packet = await channel.receive();
        assert.equal(packet.id, BigInt(received));
        assert.equal(packet.payload.readUInt32LE(), received);
        assert.equal(packet.payload.length, 2000 + (received % 7) * 8);
        assert.equal(packet.type, received % 2 ? 11 : 6);
        received += 1;
      }
      assert.equal(sent, total);
    });

    it('keeps order when some packets take the slow way', async (t) => {
      const guest = await RawGuest.open(host.root);
      t.after(() => guest.close());
      const channel = guest.primary();
      const total = 1500;
      let sent = 0;

      for (let received = 0; received < total; received += 1) {
        while (sent < total) {
          const header = sent % 5 === 0 ? Buffer.from('8 bytes!') : Buffer.alloc(0);
          if (channel.trySend(Buffer.alloc(4000), { type: sent % 5 === 0 ? 9 : 6, header, id: BigInt(sent) }) !== 0)
            break;
          sent += 1;
        }
        const packet = await channel.receive();
        assert.equal(packet.id, BigInt(received));
        assert.equal(packet.header.length, received % 5 === 0 ? 8 : 0);
      }
    });

    it('can be opened again and again, each time with empty rings', async () => {
      for (let round = 0; round < 10; round += 1) {
        const guest = await RawGuest.open(host.root);
        const channel = guest.primary();

        assert.deepEqual(channel.drain(), []);
        channel.trySend(`round ${round}`, { id: BigInt(round) });
        assert.equal((await channel.receive()).id, BigInt(round));
        assert.equal((await command(channel, 'count')).argument, 2);
        // Left in the ring on purpose: the next opening must not see it.
        channel.trySend('left over');
        await guest.close();
      }
    });

    it('offers subchannels with rings of their own, withdrawn when the primary channel closes', async (t) => {
      const uevents = await UeventLog.listen(host.root);
      const guest = await RawGuest.open(host.root);
      t.after(() => guest.close());
      const primary = guest.primary();

      assert.equal((await command(primary, 'offer', 2)).argument, 1);
      const folder = `${host.root}/sys/bus/vmbus/devices/${guid}/channels`;
      const [first, second] = [guest.subchannel(`${folder}/2/ring`, 2), guest.subchannel(`${folder}/3/ring`, 3)];
      first.trySend('to the first', { id: 1n });
      second.trySend('to the second', { id: 2n });
      primary.trySend('to the primary', { id: 3n });

      assert.equal((await first.receive()).id, 1n);
      assert.equal((await second.receive()).id, 2n);
      assert.equal((await primary.receive()).id, 3n);
      assert.equal((await command(first, 'offer', 1)).argument, 0);
      await guest.close();
      await uevents.next((event) => event.ACTION === 'remove' && (event.DEVPATH ?? '').endsWith('channels/2'));
      assert.equal(existsSync(`${folder}/2`), false);
      assert.equal(existsSync(`${folder}/1`), true);
      uevents.close();
    });

    it('sends without being asked in mode source, and drops in mode sink', async (t) => {
      const guest = await RawGuest.open(host.root);
      t.after(() => guest.close());
      const channel = guest.primary();

      assert.equal((await command(channel, 'mode', 2, 100)).argument, 1);
      let received = 0;
      while (received < 50_000) {
        const packet = await channel.receive();
        assert.equal(packet.type, 6);
        assert.equal(packet.payload.length, 104);
        received += 1;
      }
      assert.equal((await command(channel, 'mode', 1)).argument, 1);
      channel.trySend('dropped', { id: 8n });
      assert.equal((await command(channel, 'count')).argument, 4);
    });

    it('refuses commands that make no sense', async (t) => {
      const guest = await RawGuest.open(host.root);
      t.after(() => guest.close());
      const channel = guest.primary();

      assert.equal((await command(channel, 'mode', 3)).argument, 0);
      assert.equal((await command(channel, 'mode', 2, 0x7fff_ffff)).argument, 0);
      assert.equal((await command(channel, 'offer', 0)).argument, 0);
      assert.equal((await command(channel, 'offer', 65)).argument, 0);
    });
  });
}
