// SPDX-License-Identifier: MIT
//
// Shutdown from the guest's side, against the host's own side of it and against requests that no host sends.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { IcStatus, shutdown } from '../../dist/host/index.js';
import { type OpenShutdownOptions, openShutdown, type ShutdownAsk, type ShutdownEvent } from '../../dist/index.js';
import { decodeIcMessage, IcType, icVersion } from '../../dist/protocol/ic.js';
import { encodeShutdown } from '../../dist/protocol/shutdown.js';
import { hex, ringPayload } from '../unit/ic-bytes.js';
import { closeAll, deviceOf, keep, negotiate, request, scripted, v3 } from './guest-scene.js';
import { EventLog } from './native-pair.js';

afterEach(closeAll);

describe('a shutdown in the hands of a script', () => {
  async function serve(options: Partial<OpenShutdownOptions> = {}) {
    const power = shutdown();
    const acted: ShutdownAsk[] = [];
    const service = keep(
      await openShutdown(await deviceOf(power), { onAccepted: (ask) => void acted.push(ask), ...options }),
    );
    await service.ready();
    return { power, service, acted, events: service.events() };
  }
  const next = async (events: AsyncIterator<ShutdownEvent>): Promise<ShutdownEvent> =>
    (await events.next()).value as ShutdownEvent;

  it('gets ready, replies, and acts afterwards', async () => {
    const order: string[] = [];
    const host = scripted(shutdown());
    const service = keep(
      await openShutdown(await deviceOf(host.provider), {
        onRequest: async () => {
          await new Promise((resolve) => setImmediate(resolve));
          order.push(`drained ${service.channel.stats().packetsOut}`);
        },
        onAccepted: ({ way }) => void order.push(`${way} ${service.channel.stats().packetsOut}`),
      }),
    );
    host.send(
      negotiate(icVersion(3, 2)),
      request(
        IcType.shutdown,
        encodeShutdown({ reason: 0x8000_0000, timeoutSeconds: 0, flags: 0, text: '' }),
        icVersion(3, 2),
      ),
    );
    await host.heard.reach(2);
    while (order.length < 2) await new Promise((resolve) => setImmediate(resolve));

    // Packets to the host at each step: the answer is the second.
    assert.deepEqual(order, ['drained 1', 'power-off 2']);
    assert.equal(
      hex(host.heard.seen[1]?.subarray(0, 28) ?? new Uint8Array()),
      hex(ringPayload('0100000020080000 03000000 0300 03000200 0c08 00000000 00 05 0000').subarray(0, 28)),
    );
    assert.equal(host.heard.seen[1]?.length, 2088);
  });

  it('knows what is asked for', async () => {
    const { power, acted, events } = await serve();

    assert.equal(
      await power.restart({ force: true, reason: 7, timeoutSeconds: 30, text: 'good night' }),
      IcStatus.done,
    );
    await next(events);
    assert.deepEqual(acted, [{ way: 'restart', isForced: true, reason: 7, timeoutSeconds: 30, text: 'good night' }]);
    assert.equal(await power.hibernate(), IcStatus.notSupported);
    assert.deepEqual(acted.length, 1, 'nobody said that this guest can hibernate');
  });

  it('refuses with the code of the script, and lives on', async () => {
    const { power, acted, events } = await serve({
      onRequest: ({ isForced }) => (isForced ? undefined : { refuse: IcStatus.machineLocked }),
    });

    assert.equal(await power.shutdown(), IcStatus.machineLocked);
    assert.deepEqual([(await next(events)).answer, acted.length], ['refused', 0]);
    assert.equal(await power.shutdown({ force: true }), IcStatus.done);
    assert.deepEqual([(await next(events)).answer, acted.length], ['accepted', 1]);
  });

  it('never takes a refusal for an agreement, whatever its code', async () => {
    let code: number = 0;
    const { power, acted } = await serve({ onRequest: () => ({ refuse: code }) });
    for (code of [0, -1, Number.NaN, 2 ** 32]) assert.equal(await power.shutdown(), IcStatus.failed, `${code}`);
    assert.equal(acted.length, 0);
  });

  it('refuses when getting ready fails, and tells why', async () => {
    const { power, events } = await serve({ onRequest: () => Promise.reject(new Error('not drained')) });

    assert.equal(await power.shutdown(), IcStatus.failed);
    assert.match(String((await next(events)).error), /not drained/);
  });

  for (const [whenOverdue, status, answer] of [
    ['accept', IcStatus.done, 'accepted'],
    ['refuse', IcStatus.failed, 'refused'],
  ] as const)
    it(`waits for a drain that hangs no longer than its limit, and then does ${whenOverdue}`, async () => {
      let asked: AbortSignal | undefined;
      const { power, events } = await serve({
        limitMs: 10,
        whenOverdue,
        onRequest: (_, signal) => {
          asked = signal;
          return new Promise(() => undefined);
        },
      });

      assert.equal(await power.shutdown(), status);
      assert.equal((asked?.reason as Error | undefined)?.name, 'TimeoutError');
      const event = await next(events);
      assert.deepEqual([event.answer, event.isOverdue], [answer, true]);
    });

  it('does nothing about flags that nobody knows, two ways at once, and half a message', async () => {
    const host = scripted(shutdown());
    const called: string[] = [];
    keep(
      await openShutdown(await deviceOf(host.provider), {
        onRequest: () => void called.push('asked'),
        onAccepted: () => void called.push('acted'),
        canHibernate: true,
      }),
    );
    const bodies = [8, 6, 0x8000_0001].map((flags) =>
      encodeShutdown({ reason: 0, timeoutSeconds: 0, flags, text: '' }),
    );
    host.send(
      negotiate(v3),
      ...bodies.map((body) => request(IcType.shutdown, body)),
      request(IcType.shutdown, new Uint8Array(12)),
    );
    await host.heard.reach(5);

    assert.deepEqual(host.statuses().slice(1), [IcStatus.failed, IcStatus.failed, IcStatus.failed, IcStatus.failed]);
    assert.deepEqual(called, []);
  });

  it('does not obey a host that began anew while the guest got ready, and hears what it asks next', async () => {
    const host = scripted(shutdown());
    const acted: ShutdownAsk[] = [];
    const asked = new EventLog<AbortSignal>();
    keep(
      await openShutdown(await deviceOf(host.provider), {
        onRequest: ({ way }, signal) => {
          asked.push(signal);
          return way === 'restart' ? undefined : new Promise(() => undefined);
        },
        onAccepted: (ask) => void acted.push(ask),
      }),
    );
    const ask = (flags: number): Uint8Array =>
      request(IcType.shutdown, encodeShutdown({ reason: 0, timeoutSeconds: 0, flags, text: '' }));
    host.send(negotiate(v3), ask(0));
    await asked.reach(1);
    host.send(negotiate(v3), ask(2));
    await host.heard.reach(3);

    assert.ok(asked.seen[0]?.aborted);
    assert.deepEqual(
      host.heard.seen.map((payload) => decodeIcMessage(payload).type),
      [IcType.negotiate, IcType.negotiate, IcType.shutdown],
    );
    while (acted.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      acted.map(({ way }) => way),
      ['restart'],
    );
  });

  it('ends with the error of what it could not do any more', async () => {
    const { power, service, events } = await serve({ onAccepted: () => Promise.reject(new Error('no poweroff')) });

    assert.equal(await power.shutdown(), IcStatus.done);
    const { by, error } = await service.closed;
    assert.deepEqual([by, error?.message], ['error', 'no poweroff']);
    assert.equal((await next(events)).answer, 'accepted');
    await assert.rejects(events.next(), /no poweroff/);
  });

  it('wants to be told what to do', async () => {
    const device = await deviceOf(shutdown());
    await assert.rejects(openShutdown(device, {} as never), { code: 'ERR_INVALID_ARG_TYPE', message: /onAccepted/ });
    await assert.rejects(openShutdown(device, { onAccepted: () => undefined, limit: 5 } as never), {
      message: /limitMs/,
    });
  });
});
