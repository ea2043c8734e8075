// SPDX-License-Identifier: MIT
//
// Subchannels, diagnostics and inspection, over the local simulated host.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { openBus } from '../../dist/bus/index.js';
import { type Channel, type ChannelCloseMessage, openChannel, type PacketMessage } from '../../dist/channel/index.js';
import { echo, SimulatedHost } from '../../dist/host/index.js';
import { Scripted, turn, until, withPair } from './channel-pair.js';

interface Echo {
  readonly host: SimulatedHost;
  readonly channel: Channel;
  readonly relids: () => number[];
}

async function withEcho(subchannels: number, test: (opened: Echo) => Promise<void>): Promise<void> {
  const host = await SimulatedHost.start({ devices: [echo({ subchannels, monitorId: 3 })], bound: true });
  const bus = openBus({ root: host.root });
  const channel = await openChannel(bus.device('echo'));
  const relids = (): number[] =>
    bus
      .device('echo')
      .channels.filter(({ isPrimary }) => !isPrimary)
      .map(({ relid }) => relid);
  try {
    await test({ host, channel, relids });
  } finally {
    await channel.close();
    await host.close();
  }
}

describe('a subchannel', () => {
  it('has rings of its own beside the primary channel', () =>
    withEcho(3, async ({ channel, relids }) => {
      await until(() => relids().length === 3);
      const subs = await Promise.all(relids().map((relid) => channel.openSubchannel(relid)));

      const answers = await Promise.all(
        [channel, ...subs].flatMap((c) => Array.from({ length: 50 }, (_, i) => c.request(Uint8Array.of(c.relid, i)))),
      );

      assert.equal(answers.length, 200);
      for (const sub of [channel, ...subs]) assert.deepEqual([sub.stats().packetsOut, sub.stats().packetsIn], [50, 50]);
      await channel.close();
      for (const sub of subs) assert.deepEqual(await sub.closed, { by: 'user' });
    }));

  it('can be closed alone, and opened again', () =>
    withEcho(1, async ({ channel, relids }) => {
      await until(() => relids().length === 1);
      const [relid = 0] = relids();
      for (let i = 0; i < 3; i++) {
        const sub = await channel.openSubchannel(relid);
        await assert.rejects(channel.openSubchannel(relid), { code: 'ERR_VMBUS_BUSY' });
        await sub.request(Uint8Array.of(i));
        await sub.close();
      }

      assert.equal(channel.isOpen, true);
      await channel.request(Uint8Array.of(1));
    }));

  it('is waited for until the host offers it', () => {
    const provider = new Scripted();
    return withPair(async ({ channel, device, provider: { host } }) => {
      const relid = Math.max(...device.channels.map((c) => c.relid)) + 1;
      const opening = channel.openSubchannel(relid);
      await turn();
      host.offerSubchannels(1);

      const sub = await opening;

      assert.equal(sub.relid, relid);
      assert.equal(provider.opened.length, 2);
    }, provider);
  });

  it('that never comes times out, or is given up, with what there is', () =>
    withPair(async ({ channel }) => {
      await assert.rejects(channel.openSubchannel(999, { timeoutMs: 10 }), {
        code: 'ERR_VMBUS_NO_CHANNEL',
        message: /999.*there are \d+/,
      });
      await assert.rejects(channel.openSubchannel(channel.relid), { code: 'ERR_INVALID_ARG_VALUE' });
      const abort = new AbortController();
      const opening = channel.openSubchannel(999, { signal: abort.signal });
      abort.abort('stop');
      await assert.rejects(opening, (error) => error === 'stop');
      const refused = assert.rejects(channel.openSubchannel(999), { code: 'ERR_VMBUS_CLOSED' });
      await turn();
      await channel.close();
      await refused;
    }));

  it('ends with the device when the host withdraws that', () =>
    withEcho(1, async ({ host, channel, relids }) => {
      await until(() => relids().length === 1);
      const sub = await channel.openSubchannel(relids()[0] ?? 0);
      const next = sub[Symbol.asyncIterator]().next();

      host.rescind('echo');

      await assert.rejects(next, { code: 'ERR_VMBUS_RESCINDED', channel: sub.relid });
      assert.equal((await channel.closed).by, 'rescind');
    }));
});

describe('diagnostics', () => {
  it('publishes opening, packets and closing to who subscribes', async () => {
    const log: string[] = [];
    const listeners = {
      'vmbus:channel:open': () => log.push('open'),
      'vmbus:channel:close': (message: unknown) => log.push(`close by ${(message as ChannelCloseMessage).by}`),
      'vmbus:packet:sent': (message: unknown) => log.push(`sent ${textOf(message as PacketMessage)}`),
      'vmbus:packet:received': (message: unknown) => log.push(`received ${textOf(message as PacketMessage)}`),
    };
    const textOf = ({ type, flags, transactionId, payload }: PacketMessage): string =>
      `${type}/${flags}/${transactionId}/${payload[0]}`;
    for (const [name, listener] of Object.entries(listeners)) subscribe(name, listener);

    await withPair(async ({ channel, provider }) => {
      provider.onPacket = (host, packet) => void host.send(packet.payload, { transactionId: packet.transactionId });
      await channel.send(Uint8Array.of(1), { transactionId: 7n });
      channel.trySendMany([Uint8Array.of(2)], { wantsCompletion: true });
      let seen = 0;
      for await (const _ of channel) if (++seen === 2) break;
    });
    for (const [name, listener] of Object.entries(listeners)) unsubscribe(name, listener);

    assert.deepEqual(log, [
      'open',
      'sent 6/0/7/1',
      'sent 6/1/0/2',
      'received 6/0/7/1',
      'received 6/0/0/2',
      'close by user',
    ]);
  });

  it('lets a subscriber close the channel', () =>
    withPair(async ({ channel, provider }) => {
      const listener = (): void => void channel.close();
      subscribe('vmbus:packet:received', listener);
      provider.host.send(Uint8Array.of(1));

      const seen: unknown[] = [];
      for await (const packet of channel) seen.push(packet);
      unsubscribe('vmbus:packet:received', listener);

      assert.deepEqual(seen, []);
    }));
});

describe('inspection', () => {
  it('shows rings and counters as plain JSON, also after the end', () =>
    withPair(async ({ channel, provider }) => {
      provider.host.send(new Uint8Array(40));
      await channel.send(new Uint8Array(16));
      await until(() => provider.packets.length === 1);

      const picture = channel.inspect();
      assert.deepEqual(JSON.parse(JSON.stringify(channel)), picture);
      assert.equal(picture.state, 'open');
      assert.deepEqual([picture.node.kind, picture.signalling, picture.wakes], ['simulated', 'hypercall', 'interrupt']);
      assert.equal(picture.in.usedBytes, 16 + 40 + 8);
      assert.equal(picture.in.dataBytes, 64 * 1024 - 4096);
      assert.deepEqual([picture.stats.packetsOut, picture.stats.bytesOut], [1, 16]);

      await channel.close();
      assert.equal(channel.inspect().state, 'closed');
      assert.equal(channel.stats().packetsOut, 1);
    }));

  it('prints a channel on a few lines', () =>
    withPair(async ({ channel, provider }) => {
      const text = inspect(channel);

      assert.match(text, /^Channel \{/);
      assert.match(text, new RegExp(provider.instanceGuid));
      assert.match(text, /in: '0 of 61440 bytes'/);
    }));
});
