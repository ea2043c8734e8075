// SPDX-License-Identifier: MIT
//
// Opens the bus of a root: the first thing every script does.
// Called by scripts and by every command; calls device-list.ts (what is there) and watch.ts (what changes).

import { checkFlag, checkLimits, checkOptionNames } from '../check.js';
import { findDevice } from './find-device.js';
import { readSmallFileOrNull } from './read/attributes.js';
import { readDevices } from './read/device-list.js';
import { busFolder, type RootKind, resolveRoot, rootKind } from './root.js';
import type { Bus, BusChange, BusOptions, Device, WatchOptions } from './types.js';
import { BusWatch } from './watch/watch.js';

/**
 * Opens the bus. Needs no privilege for reading.
 * @example
 * const bus = openBus();
 * for (const device of bus.devices()) console.log(device.class.name, device.driver);
 * @throws ERR_VMBUS_NOT_A_GUEST where the root has no VMBus
 * @category Bus
 */
export function openBus(options: BusOptions = {}): Bus {
  checkOptionNames(options, ['root']);
  const root = resolveRoot(options.root);
  return new OpenBus(root, busFolder(root));
}

class OpenBus implements Bus {
  readonly root: string;
  readonly kind: RootKind;
  readonly #folder: string;
  readonly #watches = new Set<BusWatch>();

  constructor(root: string, folder: string) {
    this.root = root;
    this.kind = rootKind(root);
    this.#folder = folder;
  }

  devices(): Device[] {
    busFolder(this.root);
    return readDevices(this.root);
  }

  device(name: string): Device {
    return findDevice(this.devices(), name);
  }

  get hibernation(): boolean | null {
    const text = readSmallFileOrNull(`${this.#folder}/hibernation`);
    if (text === '1') return true;
    return text === '0' ? false : null;
  }

  watch(options: WatchOptions = {}): AsyncIterableIterator<BusChange> {
    checkOptionNames(options, ['signal', 'initial']);
    checkLimits({ signal: options.signal });
    checkFlag(options.initial, 'options.initial');
    busFolder(this.root);
    const watch = new BusWatch(this.root, this.kind, options);
    this.#watches.add(watch);
    void watch.finished.then(() => this.#watches.delete(watch));
    return watch;
  }

  async close(): Promise<void> {
    for (const watch of this.#watches) watch.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
