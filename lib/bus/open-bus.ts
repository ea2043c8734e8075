// SPDX-License-Identifier: MIT
//
// Opens the bus of a root: the first thing every script does.
// Called by scripts and by every command; calls device-reader.ts (what is there) and watch.ts (what changes).

import { invalidType } from '../errors.js';
import { readSmallFileOrNull } from './attributes.js';
import { deviceIds, readDevice } from './device-reader.js';
import { findDevice } from './find-device.js';
import { busFolder, resolveRoot, type RootKind, rootKind } from './root.js';
import type { Bus, BusChange, BusOptions, Device, WatchOptions } from './types.js';

/**
 * Opens the bus. Needs no privilege for reading.
 * @example
 * const bus = openBus();
 * for (const device of bus.devices()) console.log(device.class.name, device.driver);
 * @throws ERR_VMBUS_NOT_A_GUEST where the root has no VMBus
 * @category Bus
 */
export function openBus(options: BusOptions = {}): Bus {
  if (typeof options !== 'object' || options === null) throw invalidType('options', 'an object', options);
  const root = resolveRoot(options.root);
  return new OpenBus(root, busFolder(root));
}

class OpenBus implements Bus {
  readonly root: string;
  readonly kind: RootKind;
  readonly #folder: string;
  readonly #closing = new AbortController();

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

  watch(_options: WatchOptions = {}): AsyncIterableIterator<BusChange> {
    throw new Error('not yet');
  }

  async close(): Promise<void> {
    this.#closing.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Every device, by the relid of its primary channel; those without one last. */
export function readDevices(root: string): Device[] {
  const devices = deviceIds(root).flatMap((id) => readDevice(root, id) ?? []);
  const rank = (device: Device): number => (device.relid === null || device.relid < 0 ? Number.MAX_SAFE_INTEGER : device.relid);
  return devices.sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
}
