// SPDX-License-Identifier: MIT
//
// A channel to a simulated host in a thread of its own, which sends as fast as it can when told to.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { openBus, openChannel } from '../dist/index.js';

/** `cpu`: where its host runs; -1 anywhere. `options` are those of the channel. */
export async function openFlood(cpu, options = {}) {
  const worker = new Worker(new URL('flood-worker.mjs', import.meta.url), { workerData: { cpu } });
  const [{ root }] = await once(worker, 'message');
  const bus = openBus({ root });
  const channel = await openChannel(bus.devices()[0], options);
  return {
    channel,
    /** Has it send so many packets of so many bytes, in batches. */
    order: (bytes, packets, batch) => worker.postMessage({ bytes, packets, batch }),
    async [Symbol.asyncDispose]() {
      await channel.close();
      await bus.close();
      const ended = once(worker, 'exit');
      worker.postMessage(null);
      await ended;
    },
  };
}
