// SPDX-License-Identifier: MIT
//
// How channels end: closed, rescinded at every step, broken by a hostile host; what is left of them, and that they open
// again without leaks. Over the local simulated host.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { openBus } from '../../dist/bus/index.js';
import { type Channel, type CloseReason, openChannel } from '../../dist/channel/index.js';
import { echo, malformations, SimulatedHost } from '../../dist/host/index.js';
import { Pair, Scripted, turn, until, withPair } from './channel-pair.js';

const rescinded = { code: 'ERR_VMBUS_RESCINDED' };

/** Descriptors and mappings of this process; the garbage of tests before is not ours to count. */
function holdings(): { fds: number; maps: number } {
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return {
    fds: readdirSync('/proc/self/fd').length,
    maps: maps.filter((line) => /vmbus|memfd|uio/.test(line)).length,
  };
}

describe('close()', () => {
  it('opens again at once, ten times, and leaves no descriptor and no mapping', async () => {
    const host = await SimulatedHost.start({ devices: [echo({ subchannels: 1 })], bound: true });
    const bus = openBus({ root: host.root });
    const once = async (): Promise<void> => {
      const channel = await openChannel(bus.device('echo'));
      await channel.request(Uint8Array.of(1));
      await until(() => bus.device('echo').channels.length === 2);
      const relid = bus.device('echo').channels[1]?.relid ?? 0;
      const sub = await channel.openSubchannel(relid);
      await sub.request(Uint8Array.of(2));
      await channel.close();
      assert.equal(sub.isOpen, false);
    };
    await once();
    await until(() => host.channels('echo').length === 0);
    const before = holdings();

    for (let i = 0; i < 10; i++) await once();
    await until(() => host.channels('echo').length === 0);

    assert.deepEqual(holdings(), before);
    await host.close();
  });

  it('is safe at any time and again, and resolves `closed`', () =>
    withPair(async ({ channel }) => {
      await Promise.all([channel.close(), channel.close()]);
      await channel.close();

      assert.deepEqual(await channel.closed, { by: 'user' });
      assert.equal(channel.isOpen, false);
      assert.equal(channel.inspect().state, 'closed');
      await assert.rejects(channel.send(Uint8Array.of(1)), { code: 'ERR_VMBUS_CLOSED' });
      await assert.rejects(channel.request(Uint8Array.of(1)), { code: 'ERR_VMBUS_CLOSED' });
      await assert.rejects(channel.openSubchannel(2), { code: 'ERR_VMBUS_CLOSED' });
      assert.throws(() => channel.share(), { code: 'ERR_VMBUS_CLOSED' });
    }));

  it('lets go of everybody who waits', () =>
    withPair(async ({ channel, provider }) => {
      provider.host.faults.stall(true);
      while (channel.trySend(new Uint8Array(1000)));
      const closed = { code: 'ERR_VMBUS_CLOSED' };
      const waiting = [
        assert.rejects(channel.send(new Uint8Array(1000)), closed),
        assert.rejects(channel.request(new Uint8Array(1000)), closed),
      ];
      const next = channel[Symbol.asyncIterator]().next();

      await channel.close();

      await Promise.all(waiting);
      assert.deepEqual(await next, { value: undefined, done: true });
    }));

  it('is what the signal given at open does later', async () => {
    const abort = new AbortController();
    await withPair(
      async ({ channel }) => {
        const next = channel[Symbol.asyncIterator]().next();
        abort.abort('enough');

        await assert.rejects(next, (error) => error === 'enough');
        assert.deepEqual(await channel.closed, { by: 'abort', error: 'enough' });
      },
      new Scripted(),
      { signal: abort.signal },
    );
  });
});

describe('opening', () => {
  it('says what is missing when the device is not bound', async () => {
    const host = await SimulatedHost.start({ devices: [echo()], bound: false });
    await assert.rejects(openChannel(openBus({ root: host.root }).device('echo')), {
      code: 'ERR_VMBUS_NOT_BOUND',
      hint: /hv bind/,
    });
    await host.close();
  });

  it('is refused while this thread has the device', () =>
    withPair(async ({ device, channel }) => {
      await assert.rejects(openChannel(device), { code: 'ERR_VMBUS_BUSY', message: /this thread/ });
      await channel.close();
      const again = await openChannel(device);
      await again.close();
    }));

  it('does not begin when its signal was aborted before', () =>
    withPair(async ({ device, channel }) => {
      await channel.close();
      const signal = AbortSignal.abort('never');

      await assert.rejects(openChannel(device, { signal }), (error) => error === 'never');
    }));

  it('can be given up, and the device opened again', () =>
    withPair(async ({ device, channel, provider }) => {
      await channel.close();
      const abort = new AbortController();
      const opening = openChannel(device, { signal: abort.signal });
      abort.abort('no');
      await assert.rejects(opening, (error) => error === 'no');

      let again: Channel | undefined;
      while (again === undefined) {
        again = await openChannel(device).catch((error: unknown) => {
          assert.equal((error as { code: string }).code, 'ERR_VMBUS_BUSY');
          return turn().then(() => undefined);
        });
      }

      await again.send(Uint8Array.of(1));
      await until(() => provider.packets.length === 1);
      await again.close();
    }));

  it('refuses a device that is none, and options that it does not know', async () => {
    await assert.rejects(openChannel({} as never), { code: 'ERR_INVALID_ARG_TYPE' });
    await withPair(({ device }) =>
      assert.rejects(openChannel(device, { timoutMs: 1 } as never), {
        code: 'ERR_INVALID_ARG_VALUE',
        message: /did you mean timeoutMs/,
      }),
    );
  });
});

describe('a rescind', () => {
  const steps: readonly [string, (pair: Pair) => Promise<unknown>][] = [
    ['before anything else', async ({ channel }) => until(() => !channel.isOpen)],
    ['while a loop waits', ({ channel }) => assert.rejects(channel[Symbol.asyncIterator]().next(), rescinded)],
    [
      'while batches() waits',
      ({ channel }) => assert.rejects(channel.batches()[Symbol.asyncIterator]().next(), rescinded),
    ],
    ['while readable() waits', ({ channel }) => assert.rejects(channel.readable(), rescinded)],
    ['while a request waits', ({ channel }) => assert.rejects(channel.request(Uint8Array.of(1)), rescinded)],
    [
      'while a send waits',
      ({ channel, provider }) => {
        provider.host.faults.stall(true);
        while (channel.trySend(new Uint8Array(1000)));
        return assert.rejects(channel.send(new Uint8Array(1000)), rescinded);
      },
    ],
    ['while it is being closed', ({ channel }) => channel.close()],
  ];
  for (const [when, wait] of steps) {
    it(`${when} ends the channel with its reason, and nothing else`, () =>
      withPair(async (pair) => {
        const waiting = wait(pair);
        pair.host.rescind(pair.provider.instanceGuid);
        await waiting;

        const { by } = await pair.channel.closed;
        assert.ok(by === 'rescind' || (by === 'user' && when === 'while it is being closed'), by);
        await assert.rejects(pair.channel.send(Uint8Array.of(1)), (error: { code: string }) =>
          ['ERR_VMBUS_RESCINDED', 'ERR_VMBUS_CLOSED'].includes(error.code),
        );
      }));
  }

  it('in the middle of a batch lets the packets before it through', () =>
    withPair(async ({ channel, provider, host }) => {
      for (let i = 0; i < 100; i++) provider.host.send(Uint8Array.of(i));
      const seen: number[] = [];

      const loop = (async () => {
        for await (const { payload } of channel) {
          if (seen.push(payload[0] ?? -1) !== 10) continue;
          host.rescind(provider.instanceGuid);
          await channel.closed;
        }
      })();

      await assert.rejects(loop, rescinded);
      assert.deepEqual(seen, [...Array(100).keys()]);
    }));

  it('leaves room for the device that is offered again', async () => {
    const provider = new Scripted();
    const pair = await Pair.open(provider);
    pair.host.rescind(provider.instanceGuid);
    await pair.channel.closed;

    pair.host.add(provider);
    await until(() => pair.device.uio !== null);
    const again = await openChannel(pair.device);

    await again.send(Uint8Array.of(9));
    await until(() => provider.packets.length === 1);
    await again.close();
    await pair[Symbol.asyncDispose]();
  });
});

describe('a hostile host', () => {
  for (const [name, { ring, violation, apply }] of Object.entries(malformations)) {
    it(`that shows ${name} loses that channel with ERR_VMBUS_CORRUPT, and no other`, async () => {
      const bad = new Scripted('bad');
      const good = new Scripted('good');
      const host = await SimulatedHost.start({ devices: [bad, good], bound: true });
      const bus = openBus({ root: host.root });
      const channel = await openChannel(bus.device(bad.instanceGuid));
      const other = await openChannel(bus.device(good.instanceGuid));
      bad.host.send(Uint8Array.of(1));
      const seen: number[] = [];

      // The good packet is drained before the bad one arrives: they never share a batch.
      const iterator = channel[Symbol.asyncIterator]();
      seen.push((await iterator.next()).value?.payload[0] ?? -1);
      const next = iterator.next();
      if (ring === 'out') {
        // The guest looks at the out-ring's read index when it thinks that the ring is full.
        bad.host.faults.stall(true);
        while (channel.trySend(new Uint8Array(1000)));
      }
      apply(bad.host.faults);
      if (ring === 'out') assert.throws(() => channel.trySend(new Uint8Array(1000)), { code: 'ERR_VMBUS_CORRUPT' });

      const corrupt = { code: 'ERR_VMBUS_CORRUPT', message: new RegExp(violation) };
      await assert.rejects(next, corrupt);
      const reason: CloseReason = await channel.closed;
      assert.equal(reason.by, 'violation');
      const { facts } = reason.error as unknown as { facts: Record<string, unknown> };
      assert.equal(facts.reason, violation);
      assert.match(String((facts.in as Record<string, string>).writeIndex), /^0x/);
      assert.deepEqual(seen, [1]);

      await other.send(Uint8Array.of(3));
      await until(() => good.packets.length === 1);
      good.host.send(Uint8Array.of(4));
      assert.equal(await other.readable(), true);
      await other.close();
      await host.close();
    });
  }

  it('can scribble random header words and bytes for long, and never more than ends the channel', async () => {
    let state = 7;
    const random = (most: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % most;
    };
    for (let round = 0; round < 30; round++) {
      await withPair(async ({ channel, provider }) => {
        const { faults } = provider.host;
        for (let i = 0; i < 20 && channel.isOpen; i++) {
          if (random(2) === 0) faults.writeRaw(Uint8Array.from({ length: 8 * (1 + random(20)) }, () => random(256)));
          else faults.pokeHeader(random(2) === 0 ? 'in' : 'out', 'writeIndex', random(2 ** 20));
          faults.wake();
          try {
            channel.trySend(new Uint8Array(random(100)));
            channel.drain(() => true);
          } catch (error) {
            assert.equal((error as { code: string }).code, 'ERR_VMBUS_CORRUPT');
          }
          await turn();
        }
      });
    }
  });
});
