// SPDX-License-Identifier: MIT
//
// The producer of the two-threads rows: a simulated host in a worker thread that sends as fast as it can when told to.
// Messages: { bytes, packets } in; { root } once, at the start, out; null in ends it.
import { parentPort, workerData } from 'node:worker_threads';
import { SimulatedHost } from '../dist/host/index.js';
import { ringLoops } from './ring-loops.mjs';

const classGuid = '6f9c2d4e-7b1a-4c58-9e35-a1b0c2d3e4f6';
let channel;
let left = 0;
let many = [];

/** Sends until the ring is full; onSpace goes on from there. */
function flood() {
  while (left > 0) {
    const list = left < many.length ? many.slice(0, left) : many;
    const sent = channel.sendMany(list, { transactionId: 5n });
    left -= sent;
    if (sent < list.length) return;
  }
}

const provider = {
  name: 'flood',
  classGuid,
  ringBytes: 2 * 1024 * 1024,
  onOpen(opened) {
    channel = opened;
    return { onBatch() {}, onSpace: flood };
  },
};
const { rings } = await ringLoops();
rings[0]?.loops.pin(workerData.cpu);
const host = await SimulatedHost.start({ devices: [provider], bound: true });
parentPort.on('message', async (order) => {
  if (order === null) {
    await host.close();
    parentPort.close();
    return;
  }
  many = new Array(order.batch).fill(new Uint8Array(order.bytes).fill(7));
  left = order.packets;
  flood();
});
parentPort.postMessage({ root: host.root });
