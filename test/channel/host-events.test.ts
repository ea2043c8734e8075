// SPDX-License-Identifier: MIT
//
// What a simulated host tells of its devices and channels; and that an ear at a provider hides nothing from it.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { echo, type HostEvent, type Provider, Recorder, SimulatedHost } from '../../dist/host/index.js';
import { bindDevice, openBus, openChannel } from '../../dist/index.js';

describe('a simulated host', () => {
  it('tells what becomes of its devices and channels, in order', async () => {
    const host = new SimulatedHost({ devices: [echo({ subchannels: 1 })] });
    const events: HostEvent[] = [];
    const forget = host.subscribe((event) => events.push(event));
    await host.start();
    const device = openBus({ root: host.root }).device('echo');
    const binding = await bindDevice(device);
    const channel = await openChannel(device);
    await channel.close();
    await binding.restore();
    const { instanceGuid, relid } = host.device('echo');
    host.rescind('echo');
    forget();
    host.add(echo());
    await host.close();

    assert.deepEqual(
      events.map((event) => [event.kind, 'subchannelIndex' in event ? event.subchannelIndex : null]),
      [
        ['added', null],
        ['bound', null],
        ['opened', 0],
        ['opened', 1],
        ['closed', 1],
        ['closed', 0],
        ['unbound', null],
        ['withdrawn', null],
      ],
    );
    assert.deepEqual(events[0], { kind: 'added', device: instanceGuid, name: 'echo', relid });
    assert.ok(events[1]?.kind === 'bound' && events[1].driver === 'uio_hv_generic');
  });

  it('tells each in an iteration, which ends on abort', async () => {
    await using host = await SimulatedHost.start({ devices: [] });
    const stop = new AbortController();
    const told: string[] = [];
    const reading = (async () => {
      for await (const { kind } of host.events({ signal: stop.signal })) if (told.push(kind) === 2) stop.abort();
    })();
    host.add(echo());
    host.rescind('echo');
    await reading;

    assert.deepEqual(told, ['added', 'withdrawn']);
  });
});

describe('a provider that is recorded', () => {
  it('hears why its channel ends, and says its last words before', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'vmbus-ear-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const heard: unknown[] = [];
    const provider: Provider = {
      ...echo(),
      onOpen: () => ({
        onPacket: () => undefined,
        onWithdraw: () => heard.push('withdraw'),
        onClose: (reason) => heard.push(reason),
      }),
    };
    const recorder = await Recorder.open(join(folder, 'run.jsonl'));
    const host = await SimulatedHost.start({ devices: [recorder.of(provider)], bound: true });
    const channel = await openChannel(openBus({ root: host.root }).device('echo'));
    host.rescind('echo');
    await channel.close();
    await host.close();
    await recorder.close();

    assert.deepEqual(heard, ['withdraw', 'rescinded']);
  });
});
