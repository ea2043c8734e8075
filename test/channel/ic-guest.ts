// SPDX-License-Identifier: MIT
//
// A guest of an integration service on a real ring: opens the device of a simulated host and serves it as Linux does.

import { openBus } from '../../dist/bus/index.js';
import { type Channel, openChannel } from '../../dist/channel/index.js';
import { type HostTrouble, type Provider, SimulatedHost } from '../../dist/host/index.js';
import { LinuxIcGuest } from '../unit/support/linux-ic-guest.js';

/** A host with one integration service, and the guest that serves it. */
export class ServedGuest extends LinuxIcGuest implements AsyncDisposable {
  readonly host: SimulatedHost;
  readonly troubles: HostTrouble[] = [];
  readonly #device: string;
  #channel: Channel | null = null;
  #serving: Promise<void> = Promise.resolve();

  private constructor(host: SimulatedHost, device: string, versions: readonly string[]) {
    super(versions);
    this.host = host;
    this.#device = device;
  }

  /** @param versions Those of the service that the guest knows, newest first */
  static async serve(provider: Provider, versions: readonly string[]): Promise<ServedGuest> {
    const troubles: HostTrouble[] = [];
    const host = await SimulatedHost.start({
      devices: [provider],
      bound: true,
      onTrouble: (trouble) => troubles.push(trouble),
    });
    const guest = new ServedGuest(host, provider.name, versions);
    Object.assign(guest, { troubles });
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
    } catch {
      // Withdrawn, or closed while an answer was on its way: tests look at the host's side.
    }
  }
}
