// SPDX-License-Identifier: MIT
//
// Channels in worker threads: their own, and shared ones; threads that end in the middle of something.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { type Bus, openBus } from '../../dist/bus/index.js';
import { type ChannelShare, openChannel } from '../../dist/channel/index.js';
import { startHostProcess } from '../../dist/host/index.js';

let host: Awaited<ReturnType<typeof startHostProcess>>;
let bus: Bus;

before(async () => {
  host = await startHostProcess({
    devices: [
      { name: 'echo', options: { name: 'first', instanceGuid: '00000000-7e57-4000-8000-000000000001' } },
      { name: 'echo', options: { name: 'second', instanceGuid: '00000000-7e57-4000-8000-000000000002' } },
      {
        name: 'echo',
        options: { name: 'source', reply: 'source', instanceGuid: '00000000-7e57-4000-8000-000000000003' },
      },
      {
        name: 'echo',
        options: { name: 'forked', subchannels: 2, instanceGuid: '00000000-7e57-4000-8000-000000000004' },
      },
    ],
    bound: true,
  });
  bus = openBus({ root: host.root });
});
after(() => host.close());

const guid = (n: number): string => `00000000-7e57-4000-8000-00000000000${n}`;

/** A worker whose messages and end are not missed. */
class Thread {
  readonly worker: Worker;
  readonly ended: Promise<unknown>;
  readonly #messages: unknown[] = [];

  constructor(work: string, device: number, share?: ChannelShare) {
    const workerData = { work, root: host.root, device: guid(device), share };
    this.worker = new Worker(new URL('./channel-worker.js', import.meta.url), { workerData });
    this.ended = new Promise((resolve) => this.worker.on('exit', resolve));
    this.worker.on('message', (value) => this.#messages.push(value));
  }

  async message(): Promise<unknown> {
    if (this.#messages.length === 0) await once(this.worker, 'message');
    return this.#messages.shift();
  }
}

describe('two threads', () => {
  it('use two devices at the same time, each with a bus of its own', async () => {
    const workers = [new Thread('own', 1), new Thread('own', 2)];

    assert.deepEqual(await Promise.all(workers.map((worker) => worker.message())), [1000, 1000]);

    await Promise.all(workers.map(({ ended }) => ended));
  });

  it('come and go many times', async () => {
    for (let i = 0; i < 10; i++) {
      const worker = new Thread('own', 1);
      assert.equal(await worker.message(), 1000);
      await worker.ended;
    }
  });
});

describe('a thread that is terminated', () => {
  for (const [work, device] of [
    ['read', 3],
    ['wait', 1],
  ] as const) {
    it(`while it ${work}s lets go of its channel`, async () => {
      const worker = new Thread(work, device);
      await worker.message();

      await worker.worker.terminate();

      await using(device);
    });
  }

  it('while it opens lets go, too', async () => {
    for (let i = 0; i < 10; i++) {
      const worker = new Thread('wait', 1);
      await once(worker.worker, 'online');
      await worker.worker.terminate();
    }
    await using(1);
  });

  it('by an error in its visitor lets go, and the error is its own', async () => {
    const worker = new Thread('throws', 1);
    const [error] = (await once(worker.worker, 'error')) as [Error];

    assert.equal(error.message, 'boom in a worker');
    await using(1);
  });
});

/** The device can be opened and works; its last owner may still be closing it. */
async function using(device: number): Promise<void> {
  for (;;) {
    try {
      const channel = await openChannel(bus.device(guid(device)));
      if (device !== 3) assert.equal((await channel.request(Uint8Array.of(5))).payload[0], 5);
      await channel.close();
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_VMBUS_BUSY') throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

describe('a shared channel', () => {
  it('is used by the other thread, and comes home when that closes it', async () => {
    const channel = await openChannel(bus.device(guid(1)));
    await channel.request(Uint8Array.of(1));
    const worker = new Thread('borrow', 1, channel.share());
    assert.equal(await worker.message(), 42);

    await assert.rejects(channel.send(Uint8Array.of(1)), { code: 'ERR_VMBUS_BUSY' });
    assert.throws(() => channel[Symbol.asyncIterator](), { code: 'ERR_VMBUS_BUSY' });
    assert.throws(() => channel.share(), { code: 'ERR_VMBUS_BUSY' });
    worker.worker.postMessage('stop');
    assert.equal(await worker.message(), 'done true');
    await worker.ended;

    assert.equal((await channel.request(Uint8Array.of(3))).payload[0], 3);
    await channel.close();
  });

  it('can be taken back from a thread that was terminated', async () => {
    const channel = await openChannel(bus.device(guid(1)));
    const worker = new Thread('borrow', 1, channel.share());
    await worker.message();
    await worker.worker.terminate();

    await assert.rejects(channel.request(Uint8Array.of(1)), { code: 'ERR_VMBUS_BUSY', hint: /reclaim/ });
    channel.reclaim();

    assert.equal((await channel.request(Uint8Array.of(3))).payload[0], 3);
    await channel.close();
  });

  it('ends in the other thread when it is taken back from there', async () => {
    const channel = await openChannel(bus.device(guid(1)));
    const worker = new Thread('borrow', 1, channel.share());
    await worker.message();

    channel.reclaim();

    assert.equal(await worker.message(), 'ERR_VMBUS_CLOSED');
    assert.equal((await channel.request(Uint8Array.of(3))).payload[0], 3);
    await channel.close();
  });

  it('ends in the other thread when the owner closes the device', async () => {
    const channel = await openChannel(bus.device(guid(1)));
    const worker = new Thread('borrow', 1, channel.share());
    await worker.message();
    const last = worker.message();

    await channel.close();

    assert.equal(await last, 'ERR_VMBUS_CLOSED');
    await worker.ended;
  });

  it('is attached once', async () => {
    const channel = await openChannel(bus.device(guid(1)));
    const share = channel.share();
    const worker = new Thread('borrow', 1, share);
    await worker.message();

    assert.equal(await new Thread('attach', 1, share).message(), 'ERR_VMBUS_BUSY');

    await worker.worker.terminate();
    await channel.close();
    assert.equal(
      await new Thread('attach', 1, { ...share, claim: new SharedArrayBuffer(4), ticket: 0 }).message(),
      'ERR_VMBUS_CLOSED',
    );
  });

  it('may be a subchannel, beside the primary one in the main thread', async () => {
    const channel = await openChannel(bus.device(guid(4)));
    await channel.request(Uint8Array.of(1));
    const relids = bus
      .device(guid(4))
      .channels.filter((c) => !c.isPrimary)
      .map((c) => c.relid);
    const workers = relids.map((relid) => new Thread('borrow', 4, channel.share(relid)));

    assert.deepEqual(await Promise.all(workers.map((worker) => worker.message())), [42, 42]);
    await assert.rejects(channel.openSubchannel(relids[0] ?? 0), { code: 'ERR_VMBUS_BUSY' });
    assert.equal((await channel.request(Uint8Array.of(2))).payload[0], 2);

    for (const worker of workers) worker.worker.postMessage('stop');
    await Promise.all(workers.map(({ ended }) => ended));
    const sub = await channel.openSubchannel(relids[0] ?? 0);
    assert.equal((await sub.request(Uint8Array.of(8))).payload[0], 8);
    await channel.close();
  });
});
