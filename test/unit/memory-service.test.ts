// SPDX-License-Identifier: MIT
//
// Status reports of dynamic memory, hosts that break the rules, and the end of the service.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serveMemory } from '../../dist/devices/memory.js';
import { Host, keepAlive, open } from './memory-scripted-host.js';

keepAlive();

describe('status reports', () => {
  it('go out once with the figures given', async () => {
    const { host, memory } = await open();

    await memory.report({ availablePages: 1000, committedPages: 2000 });

    assert.equal(
      Buffer.from(host.sent.at(-1) ?? []).toString('hex'),
      `0500300003000000e803000000000000d007000000000000${'00'.repeat(24)}`,
    );
    assert.equal(memory.stats().reportsSent, 1);
    await memory.close();
  });

  it('go out in a series, with figures that know what the host has borrowed', async () => {
    const { host, memory } = await open({
      reportIntervalMs: 1,
      figures: (borrowedPages) => ({ availablePages: 5, committedPages: 10 + borrowedPages }),
      onBalloon: () => [{ firstPage: 9n, pageCount: 4 }],
    });

    assert.equal((await host.next('statusReport')).committedPages, 10n);
    await host.balloon(4);
    assert.equal((await host.next('statusReport')).committedPages, 14n);
    await memory.close();
  });

  it('are not sent in a series to a host that wants none', async () => {
    let asked = 0;
    const figures = () => {
      asked += 1;
      return { availablePages: 1, committedPages: 1 };
    };
    const wanted = new Host();
    wanted.suppressReports = false;

    const one = await open({ figures }, new Host());
    const two = await open({ figures }, wanted);
    await wanted.next('statusReport');

    assert.equal(asked, 1);
    await Promise.all([one.memory.close(), two.memory.close()]);
  });

  it('are skipped while the ring is full', async () => {
    const host = new Host();
    host.hasSpace = false;
    const { memory } = await open(
      { reportIntervalMs: 1, figures: () => ({ availablePages: 1, committedPages: 1 }) },
      host,
    );

    while (memory.stats().reportsSkipped < 3) await new Promise(setImmediate);
    host.hasSpace = true;
    await host.next('statusReport');

    assert.equal(host.all('statusReport').length, 1);
    await memory.close();
  });

  it('end the service with the error when the figures cannot be had', async () => {
    const { memory } = await open({
      reportIntervalMs: 1,
      figures: () => {
        throw new Error('no figures');
      },
    });

    const reason = await memory.closed;

    assert.deepEqual([reason.by, reason.error?.message], ['error', 'no figures']);
  });

  it('are refused with figures that are no page counts', async () => {
    const { memory } = await open();

    await assert.rejects(memory.report({ availablePages: 1.5, committedPages: 1 }), { code: 'ERR_OUT_OF_RANGE' });
    await assert.rejects(memory.report({ availablePages: 1 } as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.equal(memory.isOpen, true);
    await memory.close();
  });

  it('are refused after the end', async () => {
    const { memory } = await open();
    await memory.close();

    await assert.rejects(memory.report({ availablePages: 1, committedPages: 1 }), { code: 'ERR_VMBUS_CLOSED' });
  });
});

describe('a broken host', () => {
  for (const [what, payload] of [
    ['a message shorter than its type needs', '0600080000000000'],
    ['more ranges than bytes', '08001800000000000000000003000000ffffffffffffffff'],
    ['a type that does not exist', '2100080000000000'],
    ['half a header', '0600'],
  ] as const) {
    it(`that sends ${what} loses the channel, with the reason`, async () => {
      const { host, memory } = await open({ onBalloon: () => assert.fail('must not be asked') });
      const watching = memory.requests().next();

      host.deliver(Uint8Array.from(Buffer.from(payload, 'hex')));
      const reason = await memory.closed;

      assert.equal(reason.by, 'violation');
      await assert.rejects(watching, {
        code: 'ERR_VMBUS_PROTOCOL',
        facts: reason.error && 'facts' in reason.error ? reason.error.facts : {},
      });
      assert.equal(host.isOpen, false);
    });
  }

  it('that sends packets of another type is ignored', async () => {
    const { host, memory } = await open();
    host.deliver(new Uint8Array(8), 9);
    await host.balloon(1);

    assert.equal(memory.stats().ignoredMessages, 1);
    await memory.close();
  });

  it('that withdraws the device ends the service and its watchers with the rescind', async () => {
    const { host, memory } = await open();
    const watching = memory.requests().next();

    host.rescind();

    await assert.rejects(watching, { code: 'ERR_VMBUS_RESCINDED' });
    assert.equal((await memory.closed).by, 'rescind');
    assert.equal(memory.isOpen, false);
  });
});

describe('the end of the service', () => {
  it('is quiet for watchers when the script wanted it', async () => {
    const { host, memory } = await open();
    const watching = memory.requests().next();

    await memory.close();
    await memory.close();

    assert.deepEqual(await watching, { done: true, value: undefined });
    assert.equal(host.isOpen, false);
    assert.deepEqual(await memory.requests().next(), { done: true, value: undefined });
  });

  it('follows the signal', async () => {
    const abort = new AbortController();
    const { memory } = await open({ signal: abort.signal });

    abort.abort(new Error('enough'));

    assert.deepEqual([(await memory.closed).by, (await memory.closed).error?.message], ['abort', 'enough']);
  });

  it('ends one watcher by its own signal and leaves the others', async () => {
    const { host, memory } = await open();
    const abort = new AbortController();
    const one = memory.requests({ signal: abort.signal }).next();
    const two = memory.requests().next();

    abort.abort();

    assert.equal((await one).done, true);
    await host.balloon(3);
    assert.equal((await two).done, false);
    await memory.close();
  });

  it('comes with the block that used it', async () => {
    const host = new Host();
    {
      await using memory = await serveMemory(host.asChannel());
      assert.equal(memory.isOpen, true);
    }
    assert.equal(host.isOpen, false);
  });
});
