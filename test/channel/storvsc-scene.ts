// SPDX-License-Identifier: MIT
//
// A storage controller of a served folder, and a script that drives it.

import { openBus } from '../../dist/bus/index.js';
import { openStorage, type StorageController, type StorageOptions } from '../../dist/devices/storvsc.js';
import { type HostChannel, type HostTrouble, type Provider, SimulatedHost } from '../../dist/host/index.js';

/** Host and guest of one test. */
export interface StorageScene {
  readonly storage: StorageController;
  readonly host: SimulatedHost;
  readonly troubles: readonly HostTrouble[];
  /** The host's ends of the channels that are open, the primary first. */
  readonly channels: readonly HostChannel[];
}

const opened: AsyncDisposable[] = [];

/** Closes everything, the newest first. */
export async function closeScenes(): Promise<void> {
  for (const thing of opened.splice(0).reverse()) await thing[Symbol.asyncDispose]();
}

/** A host with this device, bound to user space. */
export async function hostWith(provider: Provider): Promise<{ host: SimulatedHost; troubles: HostTrouble[] }> {
  const troubles: HostTrouble[] = [];
  const host = await SimulatedHost.start({ devices: [provider], bound: true, onTrouble: (one) => troubles.push(one) });
  opened.push(host);
  return { host, troubles };
}

/** Opens the device of a fresh host. @param prepare what happens to a channel before the guest has said anything */
export async function sceneOf(
  provider: Provider,
  options: StorageOptions = {},
  prepare?: (channel: HostChannel) => void,
): Promise<StorageScene> {
  const { provider: seen, channels } = watched(provider, prepare);
  const { host, troubles } = await hostWith(seen);
  const storage = await openStorage(openBus({ root: host.root }).device(provider.name), options);
  opened.push(storage);
  return { storage, host, troubles, channels };
}

/** The same provider, whose channels a test can get at. */
function watched(
  provider: Provider,
  prepare?: (channel: HostChannel) => void,
): { provider: Provider; channels: HostChannel[] } {
  const channels: HostChannel[] = [];
  const onOpen: Provider['onOpen'] = (channel) => {
    channels.push(channel);
    prepare?.(channel);
    return provider.onOpen(channel);
  };
  return { provider: Object.create(provider, { onOpen: { value: onOpen } }) as Provider, channels };
}
