// SPDX-License-Identifier: MIT
//
// What a host process tells and is told: events, verbs of its devices, a recording.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type HostProcess, type HostProcessEvent, readRecording, startHostProcess } from '../../dist/host/index.js';
import { openBus, openChannel } from '../../dist/index.js';

const folder = mkdtempSync(join(tmpdir(), 'vmbus-host-events-'));
after(() => rmSync(folder, { recursive: true }));

/** The next event of a kind. */
async function next(events: AsyncIterator<HostProcessEvent>, kind: string): Promise<HostProcessEvent> {
  for (;;) {
    const { value, done } = await events.next();
    assert.ok(!done, `ended without ${kind}`);
    if (value.kind === kind) return value;
  }
}

async function talk({ root }: HostProcess, device: string, bytes: number): Promise<void> {
  const channel = await openChannel(openBus({ root }).device(device));
  await channel.send(new Uint8Array(bytes));
  await channel.close();
}

describe('the events of a host process', () => {
  it('tell its first reader what happened before, too', async () => {
    await using host = await startHostProcess({ devices: ['echo'], bound: true });
    await talk(host, 'echo', 8);
    await host.add('echo:name=second');
    const events = host.events();
    await host.add('echo:name=third');
    const kinds: string[] = [];
    for await (const event of events) {
      kinds.push(event.kind);
      if ('name' in event && event.name === 'third') break;
    }

    assert.deepEqual(kinds, ['opened', 'closed', 'added', 'bound', 'added']);
  });

  it('hold what devices tell, and the mistakes of guests with their codes', async () => {
    await using host = await startHostProcess({ devices: ['kvp'], bound: true });
    const events = host.events();
    await talk(host, 'kvp', 8);
    const told = await next(events, 'provider');
    const trouble = await next(events, 'trouble');

    assert.ok(told.kind === 'provider' && trouble.kind === 'trouble');
    assert.deepEqual([told.name, told.provider, told.event], ['kvp', 'kvp', { kind: 'state', state: 'negotiating' }]);
    assert.deepEqual([trouble.name, trouble.error.code], ['kvp', 'ERR_VMBUS_PROTOCOL']);
    assert.ok(!Number.isNaN(Date.parse(trouble.time)));
    await host.refresh();
  });

  it('end with the host, and on abort', async () => {
    const host = await startHostProcess({ devices: [] });
    const stop = new AbortController();
    const [one, other] = [host.events({ signal: stop.signal }), host.events()];
    const pending = one.next();
    stop.abort();
    assert.equal((await pending).done, true);
    const last = other.next();
    await host.close();

    assert.equal((await last).done, true);
    assert.equal((await host.events().next()).done, true);
  });
});

describe('the devices of a host process', () => {
  it('are listed as they are now', async () => {
    await using host = await startHostProcess({ devices: ['echo'], bound: true });
    const added = await host.add('heartbeat:name=pulse');
    const list = await host.list();

    assert.deepEqual(
      list.map(({ name, provider, driver, isOpen }) => [name, provider, driver, isOpen]),
      [
        ['echo', 'echo', 'uio_hv_generic', false],
        ['pulse', 'heartbeat', 'uio_hv_generic', false],
      ],
    );
    assert.deepEqual(added, { name: 'pulse', instanceGuid: list[1]?.instanceGuid });
  });

  it('do what they are told, and errors come back as they are', async () => {
    await using host = await startHostProcess({
      devices: ['heartbeat', 'balloon', 'kvp', 'echo', 'net:mac=00-15-5d-01-02-03'],
      bound: true,
    });

    assert.deepEqual(await host.call('heartbeat', 'state'), {
      state: 'closed',
      versions: null,
      hasContact: false,
      health: 'unknown',
      counts: { sent: 0, answered: 0, lost: 0 },
    });
    assert.deepEqual(await host.call('balloon', 'target', '512M'), { targetPages: 131_072 });
    assert.equal(await host.call('net', 'link', 'down'), undefined);
    assert.equal(((await host.call('net', 'state')) as { isConnected: boolean }).isConnected, false);
    const refused: readonly (readonly [readonly [string, string, ...unknown[]], object])[] = [
      [['kvp', 'set', 'key', 'value'], { name: 'VmbusError', code: 'ERR_VMBUS_CLOSED', hint: /ready/ }],
      [
        ['kvp', 'set', 'key'],
        { code: 'ERR_INVALID_ARG_VALUE', message: /^kvp set needs VALUE: a text \(kvp set KEY VALUE/ },
      ],
      [['kvp', 'ready', 20], { code: 'ERR_VMBUS_TIMEOUT' }],
      [['kvp', 'staet'], { code: 'ERR_INVALID_ARG_VALUE', message: /state/ }],
      [['kvp', 'toString'], { code: 'ERR_INVALID_ARG_VALUE' }],
      [['echo', 'state'], { code: 'ERR_INVALID_ARG_VALUE', message: /no verbs/ }],
      [['nobody', 'state'], { code: 'ERR_VMBUS_NO_DEVICE' }],
    ];
    for (const [call, error] of refused) await assert.rejects(host.call(...call), error, call.join(' '));
  });

  it('that wait for a guest do not keep the host from ending, nor from obeying', async () => {
    const host = await startHostProcess({ devices: ['kvp'] });
    const waiting = assert.rejects(host.call('kvp', 'ready'), { code: 'ERR_VMBUS_CLOSED' });
    await host.refresh();
    await host.close();

    await waiting;
    assert.equal(existsSync(host.root), false);
    assert.equal(await host.ended, 0);
  });

  it('do not share an image, unless all of them only read it', async () => {
    const image = join(folder, 'disk.img');
    writeFileSync(image, '');
    truncateSync(image, 2 ** 20);
    await using host = await startHostProcess({ devices: [`scsi:${image},name=first`] });

    await assert.rejects(host.add(`ide:${image}`), { code: 'ERR_VMBUS_IN_USE', path: image, message: /disk of first/ });
    await assert.rejects(host.add(`ide:${image},readonly`), { code: 'ERR_VMBUS_IN_USE' });
    await host.rescind('first');
    await host.add(`ide:${image},readonly`);
    await host.add(`scsi:${image},readonly`);
  });
});

describe('a recorded host process', () => {
  it('leaves a file that can be read, with every device in it', async () => {
    const record = join(folder, 'run.jsonl');
    const host = await startHostProcess({ devices: ['echo'], bound: true, record });
    const { instanceGuid } = await host.add('echo:name=second');
    await talk(host, instanceGuid, 8);
    await host.close();
    const [recording, ...others] = await readRecording(record);

    assert.equal(others.length, 0);
    assert.equal(recording?.device, 'second');
    assert.deepEqual(
      recording?.events.map(({ what }) => what).filter((what) => what !== 'to-guest'),
      ['open', 'from-guest', 'close'],
    );
  });

  it('has everything in its file when the host is closed under load', async () => {
    const record = join(folder, 'load.jsonl');
    const host = await startHostProcess({ devices: ['echo:reply=sink'], bound: true, record });
    const channel = await openChannel(openBus({ root: host.root }).device('echo'));
    for (let i = 0; i < 200; i += 1) await channel.send(new Uint8Array(16_384));
    await channel.close();
    const events = host.events();
    await next(events, 'closed');
    await host.close();
    const [recording] = await readRecording(record);

    const packets = recording?.events.filter(({ what }) => what === 'from-guest').length ?? 0;
    assert.ok(packets > 0);
    assert.equal(recording?.events.at(-1)?.what, 'close');
  });

  it('does not begin over another file, and leaves none when it cannot start', async () => {
    const record = join(folder, 'other.jsonl');
    writeFileSync(record, 'precious');
    await assert.rejects(startHostProcess({ devices: [], record }), {
      code: 'ERR_VMBUS_SYSTEM',
      path: record,
      errnoName: 'EEXIST',
      message: /is there already/,
    });
    const never = join(folder, 'never.jsonl');
    await assert.rejects(startHostProcess({ devices: ['echo', 'nothing'], record: never }), /nothing/);

    assert.equal(existsSync(never), false);
    await assert.rejects(startHostProcess({ devices: [], record: join(folder, 'no', 'run.jsonl') }), /ENOENT/);
  });
});
