// SPDX-License-Identifier: MIT
//
// Heartbeat and time from the guest's side, against the host's own side of them and against bytes that no host sends.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { openBus } from '../../dist/bus/index.js';
import { heartbeat, IcStatus, SimulatedHost, shutdown, timesync } from '../../dist/host/index.js';
import { openHeartbeat, openTimesync, type TimeSample } from '../../dist/index.js';
import { decodeIcMessage, IcType, icVersion } from '../../dist/protocol/ic.js';
import { encodeTimesync, hostTimeOfUnix } from '../../dist/protocol/timesync.js';
import { hex, ringPayload } from '../unit/ic-bytes.js';
import { closeAll, deviceOf, keep, negotiate, request, scripted, v3 } from './guest-scene.js';

afterEach(closeAll);

describe('a heartbeat in the hands of a script', () => {
  // The exchange that the protocol's description gives, byte for byte.
  const golden = {
    negotiation:
      '010000002c0000000000000000000000000018000000000000030000 02000200 00000000 01000000 03000000 01000000 03000000',
    negotiated:
      '010000002c0000000000000000000000000010000000000000050000 01000100 00000000 03000000 03000000 01000000 03000000',
    beat: '0100000024000000 03000000 0100 03000000 1000 00000000 00 03 0000 0700000000000000 00000000 00000000',
    answer: '0100000024000000 03000000 0100 03000000 1000 00000000 00 05 0000 0800000000000000 01000000 00000000',
  };

  it('answers as it is written', async () => {
    const host = scripted(heartbeat());
    keep(await openHeartbeat(await deviceOf(host.provider)));
    host.send(ringPayload(golden.negotiation), ringPayload(golden.beat));
    await host.heard.reach(2);

    assert.deepEqual(
      host.heard.seen.map(hex),
      [golden.negotiated, golden.answer].map((text) => hex(ringPayload(text))),
    );
  });

  it('tells the host how the guest feels, and another feeling with the next beat', async () => {
    const pulse = heartbeat({ intervalMs: 1 });
    const service = keep(await openHeartbeat(await deviceOf(pulse)));
    await service.ready();
    const told: string[] = [];
    for await (const event of pulse.events()) {
      if (event.kind !== 'beat') continue;
      if (told.at(-1) !== event.health) told.push(event.health);
      if (service.health === 'critical' && event.health === 'critical') break;
      service.health = 'critical';
    }

    assert.deepEqual([told, service.beats > 1, service.state], [['healthy', 'critical'], true, 'ready']);
    assert.throws(() => {
      service.health = 'fine' as never;
    }, TypeError);
  });

  it('counts on beyond 2^64, answers a short beat without a state, and fails a beat without a number', async () => {
    const host = scripted(heartbeat());
    keep(await openHeartbeat(await deviceOf(host.provider)));
    const last = new Uint8Array(8).fill(0xff);
    host.send(negotiate(v3), request(IcType.heartbeat, last), request(IcType.heartbeat, new Uint8Array(7)));
    await host.heard.reach(3);

    assert.deepEqual(host.statuses(), [0, 0, IcStatus.failed]);
    assert.equal(hex(decodeIcMessage(host.heard.seen[1] ?? last).body), '00'.repeat(8));
  });

  it('ends when the host withdraws the device, and says so', async () => {
    const pulse = heartbeat({ intervalMs: 1 });
    const host = keep(await SimulatedHost.start({ devices: [pulse], bound: true }));
    const service = keep(await openHeartbeat(openBus({ root: host.root }).device('heartbeat')));
    await service.ready();
    const events = service.events();
    host.rescind('heartbeat');

    assert.equal((await service.closed).by, 'rescind');
    await assert.rejects(
      async () => {
        for await (const _ of events);
      },
      { code: 'ERR_VMBUS_RESCINDED' },
    );
  });

  it('is the heartbeat device’s only', async () => {
    await assert.rejects(openHeartbeat(await deviceOf(shutdown())), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /heartbeat device/,
    });
  });
});

describe("the host's time in the hands of a script", () => {
  it('comes once to be taken, then as samples, with its offset', async () => {
    const clock = timesync({ sampleIntervalMs: 5, offsetMs: 3_600_000 });
    const told: TimeSample[] = [];
    const service = keep(await openTimesync(await deviceOf(clock), { onSample: (sample) => void told.push(sample) }));
    for await (const { kind } of service.events()) if (kind === 'sample') break;

    assert.deepEqual([told[0]?.kind, told[1]?.kind], ['sync', 'sample']);
    assert.ok(Math.abs((service.latest?.offsetMs ?? 0) + 3_600_000) < 10_000, `${service.latest?.offsetMs}`);
    assert.ok(Math.abs(Date.now() - (told[0]?.guestMs ?? 0)) < 60_000, 'this clock was set');
    assert.equal(service.inspect().choice?.version, '3.0');
  });

  it('has the layout of the version that was agreed on', async () => {
    const v4 = icVersion(4, 0);
    const host = scripted(timesync());
    const service = keep(await openTimesync(await deviceOf(host.provider)));
    const message = {
      hostTime: hostTimeOfUnix(BigInt(Date.now()) * 10_000n),
      referenceTime: 42n,
      flags: 1,
      leap: 2,
      stratum: 3,
    };
    const body = encodeTimesync(message, v4);
    host.send(
      negotiate(v3, v4),
      request(IcType.timesync, body, v4),
      request(IcType.timesync, body.subarray(0, 22), v4),
    );
    host.send(request(IcType.timesync, body.subarray(0, 21), v4), negotiate(v3), request(IcType.timesync, body));
    await host.heard.reach(6);

    assert.deepEqual(host.statuses(), [0, 0, 0, IcStatus.failed, 0, IcStatus.failed]);
    assert.deepEqual(
      service.samples.map(({ kind, referenceTime, leap, stratum }) => [kind, referenceTime, leap, stratum]),
      [
        ['sync', 42n, 2, 3],
        ['sync', 42n, 2, 3],
      ],
    );
    assert.deepEqual(
      host.heard.seen[1]?.subarray(28),
      ringPayload(hex(request(IcType.timesync, body, v4))).subarray(28),
    );
  });

  it('is told, answered and counts for nothing where no host can mean it', async () => {
    const host = scripted(timesync());
    const service = keep(await openTimesync(await deviceOf(host.provider), { latest: new Date(Date.UTC(2100, 0)) }));
    const at = (unixMs: number): Uint8Array =>
      request(
        IcType.timesync,
        encodeTimesync(
          { hostTime: hostTimeOfUnix(BigInt(unixMs) * 10_000n), referenceTime: null, flags: 2, leap: 0, stratum: 0 },
          v3,
        ),
      );
    host.send(negotiate(v3), at(Date.now()), at(0), at(Date.UTC(2101, 0)));
    await host.heard.reach(4);

    assert.deepEqual(host.statuses(), [0, 0, 0, 0]);
    assert.deepEqual(
      service.samples.map(({ isPlausible }) => isPlausible),
      [true, false, false],
    );
    assert.equal(service.latest, service.samples[0]);
  });
});
