// SPDX-License-Identifier: MIT
//
// One simulated host in this process with a device whose two ends the benchmark holds itself: it fills and empties the
// rings by hand, outside the timed part.

import { SimulatedHost } from '../dist/host/index.js';
import { openBus, openChannel } from '../dist/index.js';

const classGuid = '6f9c2d4e-7b1a-4c58-9e35-a1b0c2d3e4f5';

/** Opens the world; `host` is the HostChannel, `received()` counts the packets that reached the host. */
export async function openWorld() {
  let hostChannel;
  let count = 0;
  let target = 0;
  let waiter;
  const provider = {
    name: 'bench',
    classGuid,
    ringBytes: 2 * 1024 * 1024,
    onOpen(channel) {
      hostChannel = channel;
      return {
        onBatch(batch) {
          count += batch.length;
          if (waiter && count >= waiter.target) waiter.resolve();
        },
      };
    },
  };
  const simulated = await SimulatedHost.start({ devices: [provider], bound: true });
  const bus = openBus({ root: simulated.root });
  const channel = await openChannel(bus.devices()[0]);
  return {
    channel,
    host: hostChannel,
    /** Resolves when the host has taken `packets` more than it had the last time. */
    async taken(packets) {
      target += packets;
      if (count >= target) return;
      await new Promise((resolve) => {
        waiter = { target, resolve };
      });
    },
    async [Symbol.asyncDispose]() {
      await channel.close();
      await bus.close();
      await simulated.close();
    },
  };
}
