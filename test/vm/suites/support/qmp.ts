// SPDX-License-Identifier: MIT
// The monitor of the QEMU that this very guest runs in: tests command their own host.
// Called by suites; runs in the guest only. The protocol is in lab/qmp-client.ts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { QmpClient } from '../../lab/qmp-client.js';

const PORT = '/dev/virtio-ports/lab.qmp';

export { QmpClient, QmpError, type QmpEvent } from '../../lab/qmp-client.js';

/** A monitor session. The port takes one at a time. */
export interface HostMonitor extends AsyncDisposable {
  readonly qmp: QmpClient;
  close(): Promise<void>;
}

/**
 * Opens the monitor. Node can wait for a character device only by blocking a thread that then never ends, so a child
 * process reads for us; it inherits the descriptor, because the port can be opened only once.
 */
export async function openHostMonitor(): Promise<HostMonitor> {
  const port = fs.openSync(PORT, 'r+');
  const reader = spawn('cat', { stdio: [port, 'pipe', 'inherit'] });
  const ended = once(reader, 'close');
  if (reader.stdout === null) throw new Error('cat was started without a pipe');
  const qmp = new QmpClient(reader.stdout, (line) => fs.writeSync(port, line));
  const close = async (): Promise<void> => {
    reader.kill('SIGKILL');
    await ended;
    fs.closeSync(port);
  };
  try {
    await qmp.negotiate();
  } catch (error) {
    await close();
    throw error;
  }
  return { qmp, close, [Symbol.asyncDispose]: close };
}
