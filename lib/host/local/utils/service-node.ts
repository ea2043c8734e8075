// SPDX-License-Identifier: MIT
//
// A simulated /dev/vmbus/hv_*: the addon serves it to one opener at a time, and a uevent tells that it came or went.
// Called by: utils-driver.ts. Source: misc_register() in drivers/char/misc.c, as hv_utils_transport.c calls it.

import { errnoName, VmbusError } from '../../../errors.js';
import type { DeviceSurroundings } from '../surroundings.js';

/** What happens on a node. */
export interface ServiceNodeHooks {
  opened(): void;
  closed(): void;
  message(message: Uint8Array): void;
}

/** A node being served. */
export class ServiceNode {
  readonly #around: DeviceSurroundings;
  readonly #name: string;
  readonly #handle: number;
  #isClosed = false;

  /** Starts serving. @throws VmbusError ERR_VMBUS_SYSTEM */
  constructor(name: string, around: DeviceSurroundings, hooks: ServiceNodeHooks) {
    const { tree, binding } = around;
    this.#around = around;
    this.#name = name;
    tree.folder('dev/vmbus');
    const path = tree.path(`dev/vmbus/${name}`);
    this.#handle = binding.serveService(
      path,
      (isOpen) => {
        if (this.#isClosed) return;
        if (isOpen) hooks.opened();
        else hooks.closed();
      },
      (message) => {
        if (!this.#isClosed) hooks.message(Uint8Array.from(message));
      },
    );
    if (this.#handle < 0) {
      const errno = -this.#handle;
      throw new VmbusError('ERR_VMBUS_SYSTEM', `Can't serve ${path}: ${errnoName(errno)}`, {
        path,
        errno,
        errnoName: errnoName(errno),
      });
    }
    binding.refServed(this.#handle, false);
    this.#announce('add');
  }

  /** One message to the opener. Answers 0 or an errno. */
  send(message: Uint8Array): number {
    return this.#around.binding.sendServed(this.#handle, message);
  }

  /** Ends it for its opener, and removes the node. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#around.binding.closeServed(this.#handle);
    this.#announce('remove');
  }

  #announce(action: 'add' | 'remove'): void {
    this.#around.announce({
      action,
      devpath: `/devices/virtual/misc/vmbus!${this.#name}`,
      subsystem: 'misc',
      variables: { MAJOR: 10, DEVNAME: `vmbus/${this.#name}` },
    });
  }
}
