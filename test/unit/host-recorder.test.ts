// SPDX-License-Identifier: MIT
//
// What a recorder puts between a provider and its channels lets everything through, and hears what services offer as well.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { type BusService, echo, type Provider, Recorder, readRecording } from '../../dist/host/index.js';
import { ScriptedChannel } from './support/scripted-channel.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmbus-recorder-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a provider that is recorded', () => {
  it('is told that its device is withdrawn, asked to drain, and told why its channel ended', async () => {
    const told: string[] = [];
    await using recorder = new Recorder(join(folder, 'run.jsonl'));
    const provider: Provider = {
      name: 'leaving',
      classGuid: echo().classGuid,
      onOpen: () => ({
        onPacket: () => undefined,
        onBatch: () => told.push('batch'),
        onWithdraw: () => told.push('withdraw'),
        drain: async () => void told.push('drain'),
        onClose: (reason) => told.push(`close: ${reason}`),
      }),
    };
    const session = recorder.of(provider).onOpen(new ScriptedChannel());

    session.onWithdraw?.();
    await session.drain?.();
    session.onClose?.('rescinded');
    assert.deepEqual(told, ['withdraw', 'drain', 'close: rescinded']);
    assert.equal(session.onBatch, undefined);
    assert.equal(session.onSpace, undefined);
  });
});

describe('a service that is recorded', () => {
  it('has the channels in the recording that it offers later', async () => {
    const path = join(folder, 'run.jsonl');
    const recorder = new Recorder(path);
    const wanted: string[] = [];
    const service: BusService = {
      name: 'late',
      onBus: (bus) => void bus.offer(echo({ name: 'offered' })),
      onConnect: (endpoint) => wanted.push(endpoint) > 0,
    };
    const recorded = recorder.ofService(service);
    recorded.onBus({
      offer: (provider) => {
        ScriptedChannel.open(provider).say({ payload: Uint8Array.of(1, 2, 3, 4) });
        return { withdraw: () => undefined };
      },
    });
    assert.equal(recorded.onConnect(echo().classGuid, echo().classGuid), true);
    assert.deepEqual(wanted, [echo().classGuid]);
    await recorder.close();

    const [channel] = await readRecording(path);
    assert.equal(channel?.device, 'offered');
    const [open, said] = channel.events;
    assert.ok(open?.what === 'open' && open.class === echo().classGuid);
    assert.ok(said?.what === 'from-guest' && said.payload === '01020304');
  });
});
