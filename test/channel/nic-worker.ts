// SPDX-License-Identifier: MIT
//
// A worker thread with one queue of a network card: says when it is ready, sends a frame, and how many frames came until none
// did for a while.

import { parentPort } from 'node:worker_threads';

import { attachNicQueue, type NicQueueShare } from '../../dist/index.js';

const quietMs = 300;

parentPort?.once('message', async (share: NicQueueShare) => {
  const queue = await attachNicQueue(share);
  parentPort?.postMessage('ready');
  await queue.send(new Uint8Array(60).fill(0xff));
  let count = 0;
  let timer: NodeJS.Timeout | undefined;
  for await (const batch of queue.frames()) {
    count += batch.length;
    clearTimeout(timer);
    timer = setTimeout(() => parentPort?.postMessage(count), quietMs);
  }
});
