// SPDX-License-Identifier: MIT
//
// What the worker threads of channel-threads.test.ts do, by name.

import { parentPort, workerData } from 'node:worker_threads';
import { openBus } from '../../dist/bus/index.js';
import { attachChannel, type ChannelShare, openChannel } from '../../dist/channel/index.js';

interface Task {
  readonly work: string;
  readonly root: string;
  readonly device: string;
  readonly share?: ChannelShare;
}

const task = workerData as Task;
const say = (message: unknown): void => parentPort?.postMessage(message);

const works: Record<string, () => Promise<void>> = {
  /** Opens a device of its own, with a bus of its own, and asks it a thousand things. */
  async own() {
    const bus = openBus({ root: task.root });
    const channel = await openChannel(bus.device(task.device));
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => channel.request(Uint8Array.of(i & 0xff, i >> 8))),
    );
    const right = answers.filter(({ payload }, i) => payload[0] === (i & 0xff) && payload[1] === i >> 8);
    await channel.close();
    await bus.close();
    say(right.length);
  },

  /** Reads for ever; the test ends the thread meanwhile. */
  async read() {
    const channel = await openChannel(openBus({ root: task.root }).device(task.device));
    let packets = 0;
    for await (const batch of channel.batches()) {
      packets += batch.length;
      if (packets > 1000) say(packets);
    }
  },

  async wait() {
    const channel = await openChannel(openBus({ root: task.root }).device(task.device));
    say('waiting');
    await channel[Symbol.asyncIterator]().next();
  },

  async throws() {
    const channel = await openChannel(openBus({ root: task.root }).device(task.device));
    await channel.send(Uint8Array.of(1));
    await channel.readable();
    channel.drain(() => {
      throw new Error('boom in a worker');
    });
  },

  /** Uses what the main thread shared: a request a packet, until it is told to stop or the channel ends. */
  async borrow() {
    const channel = await attachChannel(task.share as ChannelShare);
    const { payload } = await channel.request(Uint8Array.of(42));
    say(payload[0]);
    parentPort?.once('message', () => void channel.close());
    const next = await channel[Symbol.asyncIterator]()
      .next()
      .then(
        ({ done }) => `done ${done}`,
        (error: { code: string }) => error.code,
      );
    say(next);
    parentPort?.close();
  },

  async attach() {
    say(
      await attachChannel(task.share as ChannelShare).then(
        () => 'attached',
        (error: { code: string }) => error.code,
      ),
    );
  },
};

await works[task.work]?.();
