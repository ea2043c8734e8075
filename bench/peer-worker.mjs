// SPDX-License-Identifier: MIT
//
// The other end of a socket or a message port, in a thread of its own: counts what comes, and says so when all of it is there.
// Messages: { port } once, in; { packets, bytes } in, then { isReady }; { isDone } out when they came.
import { createServer } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

let left = 0;
const take = (count) => {
  left -= count;
  if (left === 0) parentPort.postMessage({ isDone: true });
};
const server = createServer((socket) => socket.on('data', (chunk) => take(chunk.length)));

parentPort.on('message', (order) => {
  if (order === null) {
    server.close();
    parentPort.close();
  } else if (order.port) {
    order.port.on('message', (bytes) => take(bytes.length));
    order.port.unref();
  } else {
    left = order.packets * order.bytes;
    parentPort.postMessage({ isReady: true });
  }
});
server.listen(workerData.path, () => parentPort.postMessage({ isListening: true }));
