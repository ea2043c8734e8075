// SPDX-License-Identifier: MIT
//
// What can go wrong with sockets, in words.
// Called by: hvsock.ts, hvsock-session.ts.

import { VmbusError } from '../../errors.js';
import type { HostChannel } from '../types.js';

export function nobodyListens(port: number, timeoutMs: number): VmbusError {
  const what = `nobody in the guest took the connection to its port ${port} within ${timeoutMs} ms`;
  return new VmbusError('ERR_VMBUS_TIMEOUT', what, {
    facts: { port, timeoutMs },
    hint: `in the guest: modprobe hv_sock, and a listener, such as socat VSOCK-LISTEN:${port} -`,
  });
}

export function noGuest(port: number): VmbusError {
  return new VmbusError('ERR_VMBUS_CLOSED', `no guest is there to connect to its port ${port}`, {
    facts: { port },
    hint: 'start the host with this service, and the guest; hvSock().isConnected tells',
  });
}

export function tooMany(port: number, mostConnections: number): VmbusError {
  return new VmbusError('ERR_VMBUS_BUSY', `${mostConnections} connections are open or being opened`, {
    facts: { port, mostConnections },
    hint: 'end some, or allow more: hvSock({ mostConnections })',
  });
}

export function portTaken(port: number): VmbusError {
  return new VmbusError('ERR_VMBUS_IN_USE', `port ${port} has a listener`, {
    facts: { port },
    hint: 'close that listener first',
  });
}

export function guestLost(): VmbusError {
  return new VmbusError('ERR_VMBUS_CLOSED', 'the guest is gone, and its connections with it', {
    hint: 'connect again when it is up',
  });
}

/** The guest closed a channel whose stream was not over. */
export function connectionGone({ device, relid }: HostChannel, remotePort: number): VmbusError {
  return new VmbusError('ERR_VMBUS_CLOSED', `the connection with the guest's port ${remotePort} is gone`, {
    device,
    channel: relid,
    facts: { remotePort },
    hint: 'connect again',
  });
}
