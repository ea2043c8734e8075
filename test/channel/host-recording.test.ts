// SPDX-License-Identifier: MIT
//
// A run that is recorded, and its guest played again from the file.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import {
  echo,
  type Provider,
  QemuHost,
  Recorder,
  readRecording,
  replay,
  SimulatedHost,
} from '../../dist/host/index.js';
import { openBus, openChannel } from '../../dist/index.js';
import { FakeMachine, word, words } from './fake-machine.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmbus-recording-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function recordEcho(path: string): Promise<void> {
  const recorder = new Recorder(path);
  const host = await SimulatedHost.start({ devices: [recorder.of(echo())], bound: true });
  const channel = await openChannel(openBus({ root: host.root }).device('echo'));
  for (const size of [8, 24, 16]) await channel.request(new Uint8Array(size).fill(size), { timeoutMs: 5000 });
  await channel.close();
  await host.close();
  await recorder.close();
}

describe('a recording', () => {
  it('holds every packet of both sides, and is played to a provider again with the same result', async () => {
    const path = join(folder, 'run.jsonl');
    await recordEcho(path);
    const [recording, ...others] = await readRecording(path);
    assert.ok(recording);
    assert.deepEqual(others, []);
    assert.deepEqual(
      recording.events.map(({ what }) => what),
      ['open', 'from-guest', 'to-guest', 'from-guest', 'to-guest', 'from-guest', 'to-guest', 'close'],
    );

    const { sent, recorded } = await replay(recording, echo());
    assert.equal(sent.length, 3);
    assert.deepEqual(
      sent.map(({ type, payload }) => [type, payload]),
      recorded.map(({ type, payload }) => [type, payload]),
    );
  });

  it('shows a provider that does not do any more what it did', async () => {
    const path = join(folder, 'run.jsonl');
    await recordEcho(path);
    const [recording] = await readRecording(path);
    assert.ok(recording);

    await assert.rejects(replay(recording, echo({ reply: 'sink' }), { timeoutMs: 50 }), {
      code: 'ERR_VMBUS_TIMEOUT',
      message: /sent 0 packets where it had sent 1/,
    });
  });

  it('has the control messages and the memory of a machine', async () => {
    const path = join(folder, 'machine.jsonl');
    const reader: Provider = {
      ...echo({ name: 'reader' }),
      onOpen: (channel) => ({
        onPacket: ({ payload }) => {
          const buffer = channel.memory.buffer(word(payload, 0));
          void buffer?.read(0, 4).then((bytes) => channel.send(bytes));
        },
      }),
    };
    const machine = new FakeMachine();
    const recorder = new Recorder(path);
    const host = await QemuHost.start({ devices: [recorder.of(reader)], stream: machine.stream, recorder });
    const [offer] = await machine.connect();
    assert.ok(offer);
    const guest = await machine.open(offer);
    const pages = machine.pages(1);
    const handle = await machine.share(offer.relid, pages);
    machine.write((pages[0] ?? 0) * 4096, Uint8Array.of(9, 8, 7, 6));
    guest.send(words(handle, 0));
    await guest.receive();
    await host.close();
    await recorder.close();
    machine.close();

    const lines = readFileSync(path, 'utf8');
    assert.match(lines, /"control-from-guest","bytes":"0e000000000000000300050/);
    assert.match(lines, /"control-to-guest","bytes":"0f00000000000000010000000400000/);
    const [recording] = await readRecording(path);
    assert.ok(recording);
    const { sent } = await replay(recording, reader);
    assert.deepEqual(
      sent.map(({ payload }) => payload),
      ['09080706'],
    );
  });

  it('leaves a provider’s own methods what they are', async () => {
    class Counting {
      readonly #count = 3;
      readonly name = 'counting';
      readonly classGuid = echo().classGuid;
      onOpen(): { onPacket(): void } {
        return { onPacket: () => undefined };
      }
      count(): number {
        return this.#count;
      }
    }
    await using recorder = new Recorder(join(folder, 'own.jsonl'));
    assert.equal(recorder.of(new Counting()).count(), 3);
  });

  it('is not written over another file', async () => {
    const path = join(folder, 'there.jsonl');
    writeFileSync(path, 'precious');
    const recorder = new Recorder(path);
    await assert.rejects(recorder.close(), { code: 'ERR_VMBUS_SYSTEM', path });
    assert.equal(readFileSync(path, 'utf8'), 'precious');
  });

  it('is refused when the file is something else', async () => {
    const path = join(folder, 'other.json');
    writeFileSync(path, '{"some":"thing"}\n');
    await assert.rejects(readRecording(path), { code: 'ERR_VMBUS_PROTOCOL', path });
    writeFileSync(path, 'text\n');
    await assert.rejects(readRecording(path), { code: 'ERR_VMBUS_PROTOCOL', path });
  });
});
