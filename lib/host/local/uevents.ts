// SPDX-License-Identifier: MIT
//
// Kernel uevents of the simulated host: texts as the kernel broadcasts them, to everyone connected to a unix stream socket
// (netlink knows datagrams; here one more zero byte ends each message).
// Called by: simulated-host.ts, local/device.ts. Source: lib/kobject_uevent.c.

import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';

/** A uevent: what happened to which object of sysfs. */
export interface Uevent {
  readonly action: 'add' | 'remove' | 'change' | 'bind' | 'unbind';
  /** Path below `/sys`, with a leading slash. */
  readonly devpath: string;
  readonly subsystem: string;
  /** Further variables, in order. */
  readonly variables?: Readonly<Record<string, string | number>>;
}

/** Bytes of a uevent as on netlink, without the extra zero that ends it on our socket. */
export function encodeUevent(event: Uevent, sequence: number): Uint8Array {
  const lines = [
    `${event.action}@${event.devpath}`,
    `ACTION=${event.action}`,
    `DEVPATH=${event.devpath}`,
    `SUBSYSTEM=${event.subsystem}`,
    ...Object.entries(event.variables ?? {}).map(([name, value]) => `${name}=${value}`),
    `SEQNUM=${sequence}`,
  ];
  return Buffer.from(lines.map((line) => `${line}\0`).join(''));
}

/** Most bytes kept for a listener that does not read; then it is cut off, as netlink drops messages. */
const mostUnread = 1024 * 1024;

/** Broadcasts uevents on a socket. */
export class UeventServer {
  readonly #listeners = new Set<Socket>();
  readonly #server: Server;
  #sequence = 0;

  private constructor() {
    this.#server = createServer((socket) => {
      this.#listeners.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#listeners.delete(socket));
      socket.resume();
    });
  }

  /** Listens at an absolute path. */
  static async listen(path: string): Promise<UeventServer> {
    const server = new UeventServer();
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject);
      server.#server.listen(path, resolve);
    });
    chmodSync(path, 0o666);
    server.#server.unref();
    return server;
  }

  /** Number of the last uevent. */
  get sequence(): number {
    return this.#sequence;
  }

  send(event: Uevent): void {
    const message = Buffer.concat([encodeUevent(event, ++this.#sequence), Buffer.alloc(1)]);
    for (const listener of this.#listeners) {
      if (listener.writableLength > mostUnread) listener.destroy();
      else listener.write(message);
    }
  }

  close(): void {
    this.#server.close();
    for (const listener of this.#listeners) listener.end();
  }
}
