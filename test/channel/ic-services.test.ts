// SPDX-License-Identifier: MIT
//
// Heartbeat, shutdown and time over a real ring, with a guest that answers as Linux does.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { openBus } from '../../dist/bus/index.js';
import { openChannel } from '../../dist/channel/index.js';
import {
  type HeartbeatEvent,
  heartbeat,
  IcStatus,
  kvp,
  SimulatedHost,
  shutdown,
  timesync,
} from '../../dist/host/index.js';
import { bodyAt, status } from '../unit/support/linux-ic-guest.js';
import { closeAll, next, serve } from './ic-guest.js';

afterEach(closeAll);

describe('a heartbeat device', () => {
  /** Answers as Linux, and says that all is well, which Linux does not. */
  const healthy = (packet: Buffer): number => {
    packet.writeBigUInt64LE(packet.readBigUInt64LE(bodyAt) + 1n, bodyAt);
    packet.writeUInt32LE(1, bodyAt + 8);
    return status.done;
  };

  it('beats while the guest serves it, and knows how it is', async () => {
    const pulse = heartbeat({ intervalMs: 0 });
    const guest = await serve(pulse, '3.0 1.0', healthy);
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
    const lost = next(pulse, 'lost');
    const guest = await serve(pulse, '3.0', () => null);
    await lost;
    while (guest.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
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
    const guest = await serve(power, '3.2 3.1 3.0 1.0');

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
    const guest = await serve(clock, '4.0 3.0 1.0');

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
    const clock = timesync({ sampleIntervalMs: 1 });
    const refused = next(clock, 'refused');
    const guest = await serve(clock, '3.0', () => status.failed);
    await refused;

    await assert.rejects(clock.sync(), (error: { code: string; facts: { status: number } }) => {
      assert.deepEqual([error.code, error.facts.status], ['ERR_VMBUS_REFUSED', status.failed]);
      return true;
    });
    guest.answer = () => status.done;
    await next(clock, 'sample');
  });
});

describe('any integration service', () => {
  it('is offered as Hyper-V does: a named pipe in message mode, with its own instance', async () => {
    const pulse = heartbeat();

    assert.deepEqual(pulse.offer, { flags: 0x11, userData: Uint8Array.of(4, 0, 0, 0) });
    assert.equal(pulse.instanceGuid, 'fd149e91-82e0-4a7d-afa6-2a4166cbd7c0');
    assert.equal(heartbeat({ instanceGuid: pulse.classGuid }).instanceGuid, pulse.classGuid);
  });

  it('does not end the script of a host that no one told to expect trouble, when its guest breaks the protocol', async () => {
    await using host = await SimulatedHost.start({ devices: [kvp()], bound: true });
    await using channel = await openChannel(openBus({ root: host.root }).device('kvp'));
    const warned = new Promise<Error>((resolve) => {
      process.once('warning', resolve);
    });

    await channel.send(new Uint8Array(64));

    assert.equal(((await warned) as NodeJS.ErrnoException).code, 'ERR_VMBUS_PROTOCOL');
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
    const asked = assert.rejects(power.shutdown(), { code: 'ERR_VMBUS_CLOSED', message: /closed the channel/ });
    while (guest.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));

    await guest.close();
    await asked;
    guest.answer = () => status.done;
    await guest.open();
    await power.ready();

    assert.equal(await power.restart(), IcStatus.done);
    assert.equal(guest.negotiations, 2);
  });
});
