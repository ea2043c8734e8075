// SPDX-License-Identifier: MIT
//
// Heartbeat, shutdown, time and key-value pairs over a real ring, with a guest that answers as Linux does.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  type HeartbeatEvent,
  heartbeat,
  type IcProvider,
  type IcStateEvent,
  IcStatus,
  kvp,
  type Provider,
  shutdown,
  timesync,
} from '../../dist/host/index.js';
import { bodyAt, status } from '../unit/support/linux-ic-guest.js';
import { ServedGuest } from './ic-guest.js';

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing[Symbol.asyncDispose]();
});

async function serve(provider: Provider, ...versions: readonly string[]): Promise<ServedGuest> {
  const guest = await ServedGuest.serve(provider, versions);
  opened.push(guest);
  return guest;
}

/** The next event of a kind. Subscribes at once. */
function next<E extends { readonly kind: string }>(
  device: IcProvider<E>,
  kind: (E | IcStateEvent)['kind'],
): Promise<E | IcStateEvent> {
  return new Promise((resolve) => {
    const stop = device.subscribe((event) => {
      if (event.kind !== kind) return;
      stop();
      resolve(event);
    });
  });
}

describe('a heartbeat device', () => {
  /** Answers as Linux, and says that all is well, which Linux does not. */
  const healthy = (packet: Buffer): number => {
    packet.writeBigUInt64LE(packet.readBigUInt64LE(bodyAt) + 1n, bodyAt);
    packet.writeUInt32LE(1, bodyAt + 8);
    return status.done;
  };

  it('beats while the guest serves it, and knows how it is', async () => {
    const pulse = heartbeat({ intervalMs: 0 });
    const guest = await serve(pulse, '3.0', '1.0');
    guest.answer = healthy;
    const beats: HeartbeatEvent[] = [];
    for await (const event of pulse.events()) {
      if (event.kind === 'beat') beats.push(event);
      if (beats.length === 3) break;
    }

    assert.deepEqual(
      guest.bodies.slice(0, 3).map((body) => body.readBigUInt64LE()),
      [0n, 1n, 2n],
    );
    assert.deepEqual([pulse.hasContact, pulse.health, pulse.versions?.service], [true, 'healthy', '3.0']);
    assert.ok(pulse.counts.answered >= 3 && pulse.counts.lost === 0);

    await guest.close();
    while (pulse.state !== 'closed') await new Promise((resolve) => setImmediate(resolve));
    assert.equal(pulse.hasContact, false);
  });

  it('loses contact with a guest that is silent, and has it again with the late answer', async () => {
    const pulse = heartbeat({ intervalMs: 0, lostAfterMs: 1 });
    const guest = await serve(pulse, '3.0');
    guest.answer = () => null;
    await next(pulse, 'lost');
    assert.deepEqual([pulse.hasContact, pulse.counts.lost, guest.requests.length], [false, 1, 1]);
    guest.answer = healthy;

    const beat = next(pulse, 'beat');
    const late = Buffer.from(guest.requests[0] ?? []);
    healthy(late);
    late.writeUInt8(5, 25);
    await guest.channel.send(late);
    await beat;

    assert.equal(pulse.health, 'healthy');
  });

  it('ends the channel of a guest that answers the wrong number', async () => {
    const pulse = heartbeat();
    const closed = new Promise<void>((resolve) => {
      pulse.subscribe((event) => event.kind === 'state' && event.state === 'closed' && resolve());
    });
    const guest = await serve(pulse, '3.0');
    await closed;

    assert.deepEqual(
      guest.troubles.map(({ error }) => (error as { code?: string }).code),
      ['ERR_VMBUS_PROTOCOL'],
    );
  });
});

describe('a shutdown device', () => {
  it('asks for each way down, with its flags', async () => {
    const power = shutdown();
    const guest = await serve(power, '3.2', '3.1', '3.0', '1.0');

    const wish = { reason: 7, timeoutSeconds: 30, text: 'good night' };
    assert.equal(await power.shutdown(), IcStatus.done);
    assert.equal(await power.restart({ force: true, ...wish }), IcStatus.done);
    guest.answer = () => status.failed;
    assert.equal(await power.hibernate(), IcStatus.failed);

    assert.deepEqual(
      guest.bodies.map((body) => body.subarray(0, 12).toString('hex')),
      ['000000800000000000000000', '070000001e00000003000000', '000000800000000004000000'],
    );
    assert.equal(guest.bodies[1]?.subarray(12).toString('utf16le').replaceAll('\0', ''), 'good night');
    assert.deepEqual(
      guest.requests.map((packet) => [packet.length, packet.readUInt32LE(4)]),
      [2088, 2088, 2088].map((bytes) => [bytes, 2080]),
    );
  });

  it('does not ask an older guest to hibernate', async () => {
    const power = shutdown();
    const guest = await serve(power, '3.1');

    await assert.rejects(power.hibernate(), { code: 'ERR_VMBUS_UNSUPPORTED' });

    assert.equal(guest.requests.length, 0);
  });

  it('lets go of a guest that does not answer', async () => {
    const power = shutdown();
    const guest = await serve(power, '3.2');
    guest.answer = () => null;
    const stop = new AbortController();
    const asked = power.shutdown({ signal: stop.signal });
    while (guest.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));

    stop.abort('patience is over');
    await assert.rejects(asked, (reason) => reason === 'patience is over');
    await assert.rejects(power.restart({ timeoutMs: 1 }), { code: 'ERR_VMBUS_TIMEOUT' });

    assert.equal(guest.requests.length, 1);
    await assert.rejects(power.shutdown({ timeout: 1 } as never), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /timeoutMs/,
    });
    await assert.rejects(power.shutdown({ text: 'x'.repeat(1024) }), { code: 'ERR_OUT_OF_RANGE' });
  });
});

describe('a time synchronisation device', () => {
  const noon = 1_700_000_000n * 10_000_000n;

  it('sets the clock once, then gives samples, and sets it again on demand', async () => {
    let now = noon;
    const clock = timesync({ sampleIntervalMs: 1, offsetMs: 2, clock: () => now });
    const first = next(clock, 'sync');
    const second = next(clock, 'sample');
    const guest = await serve(clock, '4.0', '3.0', '1.0');

    assert.deepEqual(await first, { kind: 'sync', unixTime: noon + 20_000n });
    await second;
    now += 10_000n;
    assert.equal(await clock.sync(), noon + 30_000n);

    // No version with a reference counter, although this guest knows it.
    assert.equal(clock.versions?.service, '3.0');
    const [sync, sample] = guest.bodies;
    assert.equal(sync?.readBigUInt64LE(), noon + 20_000n + 116_444_736_000_000_000n);
    assert.deepEqual([sync?.length, sync?.readUInt8(24), sample?.readUInt8(24)], [25, 1, 2]);
  });

  it('goes on when a guest takes no time, and says so to who asked', async () => {
    const clock = timesync({ sampleIntervalMs: 0 });
    const refused = next(clock, 'refused');
    const host = serve(clock, '3.0');
    (await host).answer = () => status.failed;

    const first = await Promise.race([refused, next(clock, 'sync')]);
    await assert.rejects(clock.sync(), { code: 'ERR_VMBUS_REFUSED', facts: { status: status.failed } as never });

    assert.ok(['refused', 'sync'].includes(first.kind));
  });
});

describe('a key-value device', () => {
  /** The pools of a daemon, over the wire of Linux: every answer is a text. */
  function daemon(guest: ServedGuest): Map<string, string>[] {
    const pools = Array.from({ length: 5 }, () => new Map<string, string>());
    const text = (packet: Buffer, at: number, bytes: number): string =>
      packet
        .subarray(at, at + bytes)
        .toString('utf16le')
        .replace(/\0.*$/s, '');
    const put = (packet: Buffer, at: number, value: string): number => {
      packet.write(`${value}\0`, at, 'utf16le');
      return 2 * (value.length + 1);
    };
    guest.answer = (packet) => {
      const pool = pools[packet.readUInt8(29)];
      if (!pool) return status.failed;
      const operation = packet.readUInt8(28);
      if (operation === 1) {
        const isNumber = packet.readUInt32LE(32) === 4;
        const value = isNumber ? String(packet.readUInt32LE(556)) : text(packet, 556, packet.readUInt32LE(40));
        pool.set(text(packet, 44, packet.readUInt32LE(36)), value);
        return status.done;
      }
      if (operation === 2)
        return pool.delete(text(packet, 36, packet.readUInt32LE(32))) ? status.done : status.noMoreItems;
      if (operation === 0) {
        const key = text(packet, 44, packet.readUInt32LE(36));
        if (!pool.has(key)) return status.noMoreItems;
        packet.writeUInt32LE(1, 32);
        packet.writeUInt32LE(put(packet, 44, key), 36);
        packet.writeUInt32LE(put(packet, 556, ''), 40);
        return status.done;
      }
      if (operation !== 3) return status.failed;
      const item = [...pool][packet.readUInt32LE(32)];
      if (!item) return status.noMoreItems;
      packet.writeUInt32LE(1, 36);
      packet.writeUInt32LE(put(packet, 48, item[0]), 40);
      packet.writeUInt32LE(put(packet, 560, item[1]), 44);
      return status.done;
    };
    return pools;
  }

  it('sets, deletes and enumerates; a value that is asked for comes back empty, as from Linux', async () => {
    const pairs = kvp();
    const guest = await serve(pairs, '4.0', '3.0', '1.0');
    daemon(guest)[2]?.set('OSName', 'Debian').set('OSVersion', '13');

    await pairs.set('greeting', 'hällo');
    await pairs.set('answer', 42);

    assert.deepEqual(await pairs.enumerate('external'), [
      { key: 'greeting', type: 'string', value: 'hällo' },
      { key: 'answer', type: 'string', value: '42' },
    ]);
    assert.deepEqual(await pairs.get('greeting'), '');
    assert.equal(await pairs.get('nothing'), null);
    assert.deepEqual([await pairs.delete('answer'), await pairs.delete('answer')], [true, false]);
    assert.deepEqual(
      (await pairs.enumerate('auto')).map(({ key, value }) => [key, value]),
      [
        ['OSName', 'Debian'],
        ['OSVersion', '13'],
      ],
    );
    assert.ok(guest.bodies.every((body) => body.length === 2580));
  });

  it('sets what it was told to in every opening', async () => {
    const pairs = kvp({ values: { HostName: 'laptop', Year: 2024 } });
    const told = next(pairs, 'set');
    const guest = await serve(pairs, '4.0');
    const pools = daemon(guest);
    await told;
    await guest.close();
    const again = next(pairs, 'set');
    pools[0]?.clear();
    await guest.open();
    await again;

    assert.deepEqual(
      [...(pools[0] ?? [])],
      [
        ['HostName', 'laptop'],
        ['Year', '2024'],
      ],
    );
    assert.throws(() => kvp({ values: { k: true as never } }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => kvp({ values: { k: 2 ** 32 } }), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('tells a failure from an end', async () => {
    const pairs = kvp();
    const guest = await serve(pairs, '4.0');
    guest.answer = () => status.failed;

    const refused = { code: 'ERR_VMBUS_REFUSED', facts: { service: 'kvp', operation: 'enumerate' } };
    await assert.rejects(pairs.enumerate('guest'), ({ code, facts }: typeof refused) => {
      assert.deepEqual([code, facts.operation], ['ERR_VMBUS_REFUSED', 'enumerate']);
      return true;
    });
    await assert.rejects(pairs.set('k', 'v'), { code: 'ERR_VMBUS_REFUSED', message: /set with failed/ });
    await assert.rejects(pairs.get('k'), { code: 'ERR_VMBUS_REFUSED' });
    await assert.rejects(pairs.delete('k'), { code: 'ERR_VMBUS_REFUSED' });
    await assert.rejects(pairs.enumerate('pool' as never), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  it('gives up on a pool without an end', async () => {
    const pairs = kvp();
    const guest = await serve(pairs, '4.0');
    guest.answer = (packet) => {
      guest.requests.length = 0;
      packet.writeUInt32LE(1, 36);
      return status.done;
    };

    await assert.rejects(pairs.enumerate('guest'), { code: 'ERR_VMBUS_PROTOCOL', message: /does not end/ });
  });

  for (const version of ['4.0', '5.0']) {
    it(`reads and writes addresses in the layout of ${version}`, async () => {
      const pairs = kvp();
      const guest = await serve(pairs, version);
      const info = {
        adapterId: '{00000000-1111-2222-3333-444444444444}',
        family: 'ipv4',
        isDhcp: false,
        addresses: ['192.0.2.7'],
        subnets: ['255.255.255.0'],
        gateways: ['192.0.2.1'],
        dnsServers: ['192.0.2.53', '192.0.2.54'],
        origins: [],
      } as const;
      await pairs.setIpInfo(info);
      const set = guest.requests[0];
      guest.answer = (packet) => {
        set?.copy(packet, 30, 30, 28 + 7428);
        return status.done;
      };

      const got = await pairs.getIpInfo('00:15:5D:00:00:01', { family: 'ipv4' });

      assert.deepEqual(got, { ...info, origins: version === '5.0' ? ['unknown'] : [] });
      assert.equal(guest.requests[1]?.readUInt16LE(18), 7428);
    });
  }
});

describe('any integration service', () => {
  it('is offered as Hyper-V does: a named pipe in message mode, with its own instance', async () => {
    const pulse = heartbeat();

    assert.deepEqual(pulse.offer, { flags: 0x11, userData: Uint8Array.of(4, 0, 0, 0) });
    assert.equal(pulse.instanceGuid, 'fd149e91-82e0-4a7d-afa6-2a4166cbd7c0');
    assert.equal(heartbeat({ instanceGuid: pulse.classGuid }).instanceGuid, pulse.classGuid);
  });

  it('rejects with the rescind what was asked when the host withdraws the device', async () => {
    const power = shutdown();
    const guest = await serve(power, '3.2');
    guest.answer = () => null;
    const asked = power.shutdown();
    const queued = power.restart();
    while (guest.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));

    guest.host.rescind('shutdown');

    await assert.rejects(asked, { code: 'ERR_VMBUS_RESCINDED' });
    await assert.rejects(queued, { code: 'ERR_VMBUS_RESCINDED' });
    await assert.rejects(power.restart(), { code: 'ERR_VMBUS_RESCINDED' });
  });

  it('rejects with the close what was asked when the guest closes the device, and agrees anew after that', async () => {
    const power = shutdown();
    const guest = await serve(power, '3.2');
    guest.answer = () => null;
    const asked = power.shutdown();
    while (guest.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));

    await guest.close();
    await assert.rejects(asked, { code: 'ERR_VMBUS_CLOSED' });
    guest.answer = () => status.done;
    await guest.open();
    await power.ready();

    assert.equal(await power.restart(), IcStatus.done);
    assert.equal(guest.negotiations, 2);
  });
});
