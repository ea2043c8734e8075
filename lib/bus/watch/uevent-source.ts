// SPDX-License-Identifier: MIT
//
// Where news of the bus come from: kernel uevents in a guest, a socket in a simulated tree, nowhere in a snapshot.
// Called by watch.ts. A source only says "look"; what changed is found in sysfs, because uevents run ahead of its files.

import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';

import { errnoName, VmbusError } from '../../errors.js';
import { type RootKind, under } from '../root.js';
import { parseUevent, UeventSplitter } from './uevent.js';

/** What a source tells. */
export interface UeventListener {
  /** Something may have changed: look. */
  news(): void;
  /** No news will come any more. */
  end(error?: Error): void;
}

/** An open source. */
export interface UeventSource {
  close(): void;
}

/** Subsystems whose objects show in a device: itself, its channels, its UIO side, its children. */
const relevant = new Set([
  'vmbus',
  'channels',
  'uio',
  'misc',
  'net',
  'block',
  'scsi_host',
  'input',
  'hid',
  'ptp',
  'drm',
  'graphics',
]);
const reconnectMs = 50;
const mostReconnects = 20;

/** Opens the source of a root. */
export async function openUeventSource(root: string, kind: RootKind, listener: UeventListener): Promise<UeventSource> {
  if (kind === 'simulated') return new SocketSource(under(root, 'run/vmbus/uevents'), listener);
  if (kind === 'guest' && root === '/') return netlinkSource(listener);
  return silentSource();
}

/** Hands a message on, if it concerns the bus. An empty one stands for messages that were lost. */
function tell(message: Uint8Array, listener: UeventListener): void {
  const uevent = parseUevent(message);
  if (message.length === 0 || (uevent !== null && relevant.has(uevent.subsystem))) listener.news();
}

async function netlinkSource(listener: UeventListener): Promise<UeventSource> {
  // Only here is the addon needed: reading a bus works without it.
  const { native } = await import('../../native/load.js');
  const binding = native();
  const handle = binding.openUevents((message) => tell(message, listener));
  if (handle < 0) {
    throw new VmbusError('ERR_VMBUS_SYSTEM', `cannot listen to kernel uevents: ${errnoName(-handle)}`, {
      syscall: 'socket',
      errno: -handle,
      errnoName: errnoName(-handle),
      hint: 'does the sandbox or service unit allow AF_NETLINK?',
    });
  }
  return { close: () => binding.closeUevents(handle) };
}

/** Nothing ever changes here; the timer keeps the process waiting, as the other sources do. */
function silentSource(): UeventSource {
  const timer = setInterval(() => {}, 2 ** 30);
  return { close: () => clearInterval(timer) };
}

/** The uevents of a simulated host. A listener that was too slow is cut off: it connects again and looks. */
class SocketSource implements UeventSource {
  readonly #path: string;
  readonly #listener: UeventListener;
  #socket: Socket | null = null;
  #timer: NodeJS.Timeout | null = null;
  #failures = 0;
  #isClosed = false;

  constructor(path: string, listener: UeventListener) {
    this.#path = path;
    this.#listener = listener;
    this.#connect();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.destroy();
    if (this.#timer) clearTimeout(this.#timer);
  }

  #connect(): void {
    const splitter = new UeventSplitter();
    const socket = connect(this.#path);
    this.#socket = socket;
    socket.on('connect', () => {
      this.#failures = 0;
      this.#listener.news();
    });
    socket.on('data', (chunk: Buffer) => {
      for (const message of splitter.push(chunk)) tell(message, this.#listener);
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#lost());
  }

  #lost(): void {
    if (this.#isClosed) return;
    this.#listener.news();
    if (!existsSync(this.#path) || ++this.#failures > mostReconnects) this.#listener.end();
    else this.#timer = setTimeout(() => this.#connect(), reconnectMs);
  }
}
