// SPDX-License-Identifier: MIT
// What the worker threads of the channel suite do with the balloon's channel, each with a bus of its own.
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
// Not the whole library: a guest without hardware virtualisation takes seconds to load that in every thread.
import { openBus } from '../../../../dist/bus/index.js';
import { type Channel, openChannel } from '../../../../dist/channel/index.js';
import { VmbusError } from '../../../../dist/errors.js';
import { readVersionResponse, sendVersionRequest } from './balloon-greeting.js';

/** Opens the device as soon as the other thread lets go of it. */
async function openWhenFree(): Promise<Channel> {
  for (;;) {
    try {
      return await openChannel(openBus({ root: '/' }).device('balloon'));
    } catch (error) {
      if (!(VmbusError.is(error) && error.code === 'ERR_VMBUS_BUSY')) throw error;
      await pause(10);
    }
  }
}

const channel = await openWhenFree();
await sendVersionRequest(channel);
parentPort?.postMessage(await readVersionResponse(channel));
if (workerData === 'greet') await channel.close();
else for await (const _ of channel); // until the thread is terminated
