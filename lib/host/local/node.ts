// SPDX-License-Identifier: MIT
//
// A simulated `/dev/uioN`: the addon serves it, here it gets events and rings by name instead of numbers.
// Called by: local/device.ts. Calls: native/binding `serveNode` and its kin.

import { unlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

import { errnoName, VmbusError } from '../../errors.js';
import { type Binding, NodeEvent } from '../../native/binding.js';
import { NativeRingEnd } from '../ring-end.js';
import type { DeviceBuffers } from './guest-memory.js';

/** What happens on a node. */
export interface NodeHooks {
  /** The guest opened it: the rings of the primary channel are fresh. */
  opened(): void;
  /** The guest closed it. */
  closed(): void;
  /** A 4-byte write of the guest. */
  doorbell(value: number): void;
}

/** A node being served. */
export class UioNode {
  readonly path: string;
  readonly #binding: Binding;
  readonly #handle: number;
  #isOpen = false;
  #isClosed = false;

  /**
   * Starts serving.
   * @param pairBytes Both rings with their headers.
   * @throws VmbusError ERR_VMBUS_SYSTEM
   */
  constructor(binding: Binding, path: string, pairBytes: number, monitorId: number | null, hooks: NodeHooks) {
    this.path = path;
    this.#binding = binding;
    this.#handle = binding.serveNode(path, pairBytes, monitorId ?? -1, (event, value) => {
      if (!this.#isClosed) this.#onEvent(event, value, hooks);
    });
    if (this.#handle < 0) throw cannot('serve', path, this.#handle);
    binding.refNode(this.#handle, false);
  }

  /** Somebody holds the node open. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The host's end of a ring; a fresh one for each opening. */
  attach(ring: number): NativeRingEnd {
    const channel = this.#binding.attachHost(this.#handle, ring);
    if (channel < 0) throw cannot('attach to', this.path, channel);
    return new NativeRingEnd(this.#binding, channel, { wake: () => this.#binding.wakeGuest(this.#handle) });
  }

  /** Adds the rings of a subchannel, fresh. */
  addRing(pairBytes: number, monitorId: number | null): number {
    const ring = this.#binding.addRing(this.#handle, pairBytes, monitorId ?? -1);
    if (ring < 0) throw cannot('add a ring to', this.path, ring);
    this.#binding.resetRing(this.#handle, ring);
    return ring;
  }

  /** What every guest gets beside the rings. */
  shareBuffers({ receive, send }: DeviceBuffers): void {
    const { memory, gpadl } = receive;
    const status = this.#binding.shareBuffers(this.#handle, memory, gpadl, send.memory, send.gpadl);
    if (status < 0) throw cannot('share buffers of', this.path, status);
  }

  removeRing(ring: number): void {
    this.#binding.removeRing(this.#handle, ring);
  }

  /** Where another process can open the memory of a ring. */
  ringPath(ring: number): string {
    return `/proc/${process.pid}/fd/${this.#binding.ringDescriptor(this.#handle, ring)}`;
  }

  /** Copies what the guest has shown of its memory. False where it has not shown all of it. */
  readMemory(address: number, target: Uint8Array): boolean {
    return this.#binding.readShown(this.#handle, address, target) === 0;
  }

  writeMemory(address: number, source: Uint8Array): boolean {
    return this.#binding.writeShown(this.#handle, address, source) === 0;
  }

  /** Ends all connections and removes the node. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isOpen = false;
    this.#binding.closeNode(this.#handle);
  }

  #onEvent(event: number, value: number, hooks: NodeHooks): void {
    if (event === NodeEvent.opened) {
      this.#isOpen = true;
      hooks.opened();
    } else if (event === NodeEvent.closed) {
      this.#isOpen = false;
      hooks.closed();
    } else if (event === NodeEvent.doorbell) {
      hooks.doorbell(value);
    }
  }
}

/**
 * A node that cannot be opened: what is left of a device that was unbound while it was open. The kernel answers EINVAL to
 * open(2); here connecting fails, because the socket is of another type.
 */
export class DeadNode {
  readonly #path: string;
  readonly #server: Server;

  constructor(path: string) {
    this.#path = path;
    this.#server = createServer((socket) => socket.destroy())
      .listen(path)
      .unref();
  }

  close(): void {
    this.#server.close();
    try {
      unlinkSync(this.#path);
    } catch {
      // The server has removed it.
    }
  }
}

function cannot(what: string, path: string, status: number): VmbusError {
  const name = errnoName(-status);
  return new VmbusError('ERR_VMBUS_SYSTEM', `cannot ${what} the simulated node ${path}: ${name}`, {
    path,
    errno: -status,
    errnoName: name,
    hint: 'name another folder: new SimulatedHost({ root: DIR })',
  });
}
