// SPDX-License-Identifier: MIT
//
// The write-only files of sys/bus/vmbus (bind, unbind, new_id, remove_id, drivers_probe) as unix stream sockets: the writer
// sends its text and half-closes, the answer is the errno in decimal (0 for success), then the end.
// Called by: simulated-host.ts. Calls local/drivers.ts through the handlers it is given.

import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { constants } from 'node:os';

/** More than the kernel takes in one write to an attribute. */
const mostBytes = 4096;

/** One write: its text in, a positive errno or 0 out. */
export type ControlHandler = (text: string) => number;

/** Serves one write-only attribute at an absolute path until closed. */
export async function serveControl(path: string, handler: ControlHandler): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => answer(socket, handler));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o200);
  server.unref();
  return server;
}

function answer(socket: Socket, handler: ControlHandler): void {
  const chunks: Buffer[] = [];
  let length = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= mostBytes) chunks.push(chunk);
  });
  socket.on('end', () => {
    // The writer may have closed a node just before: let what is ready now be seen first, as close(2) is synchronous.
    setImmediate(() => {
      const errno = length > mostBytes ? constants.errno.EINVAL : handler(Buffer.concat(chunks).toString('latin1'));
      socket.end(String(errno));
    });
  });
}
