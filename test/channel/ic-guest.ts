// SPDX-License-Identifier: MIT
//
// A guest of an integration service on a real ring: opens the device of a simulated host and serves it as Linux does.

import { openBus } from '../../dist/bus/index.js';
import { type Channel, openChannel } from '../../dist/channel/index.js';
import { VmbusError } from '../../dist/errors.js';
import {
  type HostTrouble,
  type IcProvider,
  type IcStateEvent,
  type Provider,
  SimulatedHost,
} from '../../dist/host/index.js';
import { type GuestAnswer, LinuxIcGuest } from '../unit/support/linux-ic-guest.js';

const opened: ServedGuest[] = [];

/** Serves a device until {@link closeAll}. @param versions Newest first, separated by blanks */
export async function serve(provider: Provider, versions: string, answer?: GuestAnswer): Promise<ServedGuest> {
  const guest = await ServedGuest.serve(provider, versions.split(' '), answer);
  opened.push(guest);
  return guest;
}

/** Closes every guest and its host. */
export async function closeAll(): Promise<void> {
  for (const guest of opened.splice(0)) await guest[Symbol.asyncDispose]();
}

/** The next event of a kind. Subscribes at once. */
export function next<E extends { readonly kind: string }>(
  device: IcProvider<E>,
  kind: (E | IcStateEvent)['kind'],
): Promise<E | IcStateEvent> {
  return new Promise((resolve) => {
    const stop = device.subscribe((event) => {
      if (event.kind !== kind) return;
      stop();
      resolve(event);
    });
  });
}

/** A host with one integration service, and the guest that serves it. */
export class ServedGuest extends LinuxIcGuest implements AsyncDisposable {
  readonly host: SimulatedHost;
  readonly troubles: readonly HostTrouble[];
  readonly #device: string;
  #channel: Channel | null = null;
  #serving: Promise<void> = Promise.resolve();

  private constructor(host: SimulatedHost, troubles: HostTrouble[], device: string, versions: readonly string[]) {
    super(versions);
    this.host = host;
    this.troubles = troubles;
    this.#device = device;
  }

  /** @param versions Those of the service that the guest knows, newest first */
  static async serve(provider: Provider, versions: readonly string[], answer?: GuestAnswer): Promise<ServedGuest> {
    const troubles: HostTrouble[] = [];
    const host = await SimulatedHost.start({
      devices: [provider],
      bound: true,
      onTrouble: (trouble) => troubles.push(trouble),
    });
    const guest = new ServedGuest(host, troubles, provider.name, versions);
    if (answer) guest.answer = answer;
    await guest.open();
    return guest;
  }

  get channel(): Channel {
    if (!this.#channel) throw new Error('the guest has closed the device');
    return this.#channel;
  }

  /** Opens the device, and serves it until it is closed. */
  async open(): Promise<void> {
    const channel = await openChannel(openBus({ root: this.host.root }).device(this.#device));
    this.#channel = channel;
    this.#serving = this.#serve(channel);
  }

  /** The guest closes the device. */
  async close(): Promise<void> {
    await this.#channel?.close();
    await this.#serving;
    this.#channel = null;
  }

  /** Resolves when the channel was ended by the host, and everything it had sent was taken. */
  async ended(): Promise<void> {
    await this.#serving;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await this.host.close();
  }

  async #serve(channel: Channel): Promise<void> {
    try {
      for await (const { payload } of channel) {
        const answer = this.take(payload);
        // All ones, as the file copy daemon has it: hosts don't look.
        if (answer) await channel.send(answer, { transactionId: 0xffff_ffff_ffff_ffffn });
      }
    } catch (error) {
      // Withdrawn, or closed while an answer was on its way: tests look at the host's side.
      if (!VmbusError.is(error)) throw error;
    }
  }
}
