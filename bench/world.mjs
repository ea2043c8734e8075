// SPDX-License-Identifier: MIT
//
// One simulated host in this process with devices whose two ends the benchmark holds itself: it fills and empties the rings by
// hand, outside the timed part.

import { SimulatedHost } from '../dist/host/index.js';
import { openBus, openChannel } from '../dist/index.js';

const classGuid = '6f9c2d4e-7b1a-4c58-9e35-a1b0c2d3e4f5';

/** The host's end of one device. `taken(packets)` resolves when it has that many more than the last time. */
function makeDevice(ringBytes) {
  let count = 0;
  let target = 0;
  let waiter;
  const device = {
    host: null,
    async taken(packets) {
      target += packets;
      if (count >= target) return;
      await new Promise((resolve) => {
        waiter = { target, resolve };
      });
    },
    provider: {
      name: 'bench',
      classGuid,
      ringBytes,
      onOpen(channel) {
        device.host = channel;
        return {
          onBatch(batch) {
            count += batch.length;
            if (waiter && count >= waiter.target) waiter.resolve();
          },
        };
      },
    },
  };
  return device;
}

/**
 * Opens so many devices; `options` are those of each channel.
 * @returns {Promise<AsyncDisposable & { ends: { channel: object, host: object, taken: (packets: number) => Promise<void> }[] }>}
 */
export async function openWorlds({ devices, ringBytes, options = {} }) {
  const made = Array.from({ length: devices }, () => makeDevice(ringBytes));
  const simulated = await SimulatedHost.start({ devices: made.map(({ provider }) => provider), bound: true });
  const bus = openBus({ root: simulated.root });
  const ends = [];
  for (const device of bus.devices()) {
    const known = new Set(made.filter(({ host }) => host !== null));
    const channel = await openChannel(device, options);
    const { host, taken } = made.find((one) => one.host !== null && !known.has(one));
    ends.push({ channel, host, taken });
  }
  return {
    ends,
    async [Symbol.asyncDispose]() {
      for (const { channel } of ends) await channel.close();
      await bus.close();
      await simulated.close();
    },
  };
}

/** One device with a ring of 2 MiB each way; `options` are those of its channel. */
export async function openWorld(options = {}) {
  const worlds = await openWorlds({ devices: 1, ringBytes: 2 * 1024 * 1024, options });
  return { ...worlds.ends[0], [Symbol.asyncDispose]: () => worlds[Symbol.asyncDispose]() };
}
