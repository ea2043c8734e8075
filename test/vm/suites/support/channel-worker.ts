// SPDX-License-Identifier: MIT
// What the worker threads of the channel suite do with the balloon's channel, each with a bus of its own.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
// Not the whole library: a guest without hardware virtualisation takes seconds to load that in every thread.
import { openBus } from '../../../../dist/bus/index.js';
import { attachChannel, type Channel, type ChannelShare, openChannel } from '../../../../dist/channel/index.js';
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

const port = parentPort;
if (port === null) throw new Error('this file runs in a worker thread');
const told = async (): Promise<unknown> => (await once(port, 'message'))[0];

const works: Readonly<Record<string, () => Promise<void>>> = {
  async greet() {
    const channel = await openWhenFree();
    port.postMessage(await greet(channel));
    await channel.close();
  },

  async read() {
    const channel = await openWhenFree();
    port.postMessage(await greet(channel));
    for await (const _ of channel); // until the thread is terminated
  },

  async borrow() {
    const channel = await attachChannel((await told()) as ChannelShare);
    port.postMessage(await greet(channel));
    await told();
    await channel.close();
  },

  async watch() {
    await told();
    const device = openBus({ root: '/' }).device('balloon');
    const error = await openChannel(device).catch((reason: unknown) => reason);
    if (!VmbusError.is(error)) throw new Error('the open was not refused', { cause: error });
    port.postMessage({ stateName: device.stateName, code: error.code, ownerPid: error.facts.ownerPid });
  },
};

async function greet(channel: Channel): Promise<string> {
  await sendVersionRequest(channel);
  return readVersionResponse(channel);
}

await works[String(workerData)]?.();
