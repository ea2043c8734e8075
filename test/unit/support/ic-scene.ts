// SPDX-License-Identifier: MIT
//
// An integration service and a guest of it without a ring: the guest takes what was sent when a test says so.

import type { Provider } from '../../../dist/host/index.js';
import { LinuxIcGuest } from './linux-ic-guest.js';
import { ScriptedChannel } from './scripted-channel.js';

/** A provider, its channel, and the guest on the other end. */
export class IcScene {
  readonly guest: LinuxIcGuest;
  readonly #provider: Provider;
  channel: ScriptedChannel;

  /** @param versions Those of the service that the guest knows, newest first */
  constructor(provider: Provider, versions: readonly string[]) {
    this.guest = new LinuxIcGuest(versions);
    this.#provider = provider;
    this.channel = ScriptedChannel.open(provider);
  }

  /** The guest opens the channel, again. */
  open(): void {
    this.channel = ScriptedChannel.open(this.#provider);
  }

  /** The guest takes what was sent so far, and answers. */
  serve(): void {
    for (const { payload } of this.channel.take()) {
      const answer = this.guest.take(payload);
      if (answer) this.channel.say({ payload: answer });
    }
  }

  /** Serves while turns of the event loop bring something new. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < 20; turns += 1) {
      this.serve();
      await turn();
    }
  }

  /** Awaits a promise while the guest serves. */
  async served<T>(promise: Promise<T>): Promise<T> {
    promise.catch(() => undefined);
    await this.settle();
    return promise;
  }
}

/** What became of a promise so far: `pending`, `done`, the code of an error, or what else it was rejected with. */
export function watch(promise: Promise<unknown>): { result: unknown } {
  const seen = { result: 'pending' as unknown };
  promise.then(
    () => {
      seen.result = 'done';
    },
    (error: unknown) => {
      seen.result = (error as { code?: unknown } | null)?.code ?? error;
    },
  );
  return seen;
}

/** Gives the event loop a turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
