// SPDX-License-Identifier: MIT
//
// What heartbeat, shutdown and timesync have in common as a guest's side in a script's hands: the end, and what happened.
// Called by: heartbeat.ts, shutdown.ts, timesync.ts. Calls ic-service.ts, which knows frames and versions.

import { inspect } from 'node:util';
import type { Channel, CloseReason } from '../channel/types.js';
import { checkLimits, checkOptionNames } from '../check.js';
import { invalidType, VmbusError } from '../errors.js';
import { Feed } from '../feed.js';
import type { DeviceChannelOptions } from './channel-of-device.js';
import {
  type IcAnswer,
  type IcRequest,
  IcService,
  type IcServiceDialect,
  type IcServiceInspection,
} from './ic-service.js';
import type { ServiceState } from './service-device/types.js';

/** Options that every service on a channel has. */
export interface IcGuestOptions {
  /** Ends the service. */
  readonly signal?: AbortSignal;
}

/** Options for opening the device as well. */
export type IcOpenOptions = Pick<DeviceChannelOptions, 'channel'>;

/** A service that is being told of its end. */
export abstract class IcGuest<E> implements AsyncDisposable {
  /** Resolves when the service has ended, whoever ended it. Never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #service: IcService;
  readonly #feed = new Feed<E>();
  readonly #readied: (() => void)[] = [];
  #failure: Error | null = null;

  /** @internal */
  protected constructor(channel: Channel, dialect: IcServiceDialect, { signal }: IcGuestOptions) {
    this.#service = IcService.open(
      channel,
      dialect,
      {
        answer: (request, asked) => this.answer(request, asked),
        onState: (state) => this.#entered(state),
      },
      signal === undefined ? {} : { signal },
    );
    this.closed = this.#service.closed.then((reason) => this.#ended(reason));
  }

  /** The channel it lives on; for `ref()`, `unref()` and figures. Reading from it is the service's. */
  get channel(): Channel {
    return this.#service.channel;
  }

  /** `registering` until versions are agreed on, then `ready`. */
  get state(): ServiceState {
    return this.#service.state;
  }

  /** Resolves when the host and this script have agreed on versions. @throws VmbusError ERR_VMBUS_CLOSED, or why it ended */
  async ready(): Promise<void> {
    if (this.state === 'ready') return;
    const readied = new Promise<null>((resolve) => {
      this.#readied.push(() => resolve(null));
    });
    const end = await Promise.race([readied, this.closed]);
    if (end !== null)
      throw end.error ?? new VmbusError('ERR_VMBUS_CLOSED', 'the service was closed before it was ready');
  }

  /** What happens from now on. Ends with the service; throws if that failed. */
  events(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<E> {
    checkOptionNames(options, ['signal']);
    checkLimits(options);
    return this.#feed.watch(options.signal);
  }

  /** Plain JSON picture. */
  inspect(): IcServiceInspection {
    return this.#service.inspect();
  }

  /** Ends the service and closes the channel. Safe to call twice. */
  async close(): Promise<void> {
    await this.#service.close();
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  protected abstract answer(request: IcRequest, signal: AbortSignal): IcAnswer | Promise<IcAnswer>;

  protected tell(event: E): void {
    this.#feed.push(event);
  }

  /** Ends the service for an error that no answer can carry any more. */
  protected fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
    void this.#service.close();
  }

  #entered(state: ServiceState): void {
    if (state === 'ready') for (const tell of this.#readied.splice(0)) tell();
  }

  #ended(reason: CloseReason): CloseReason {
    const verdict: CloseReason = this.#failure === null ? reason : { by: 'error', error: this.#failure };
    this.#feed.finish(verdict.by === 'user' || verdict.by === 'abort' ? {} : { error: verdict.error });
    return verdict;
  }
}

// Not a method: its computed name could not stand in the declaration file.
Object.defineProperty(IcGuest.prototype, inspect.custom, {
  value(this: IcGuest<unknown>): string {
    return `${this.constructor.name} ${inspect(this.inspect(), { depth: 3 })}`;
  },
});

/** Checks options, and that those which are handlers are functions. @throws TypeError */
export function checkIcGuestOptions(options: unknown, known: readonly string[], handlers: readonly string[]): void {
  checkOptionNames(options, ['signal', ...known]);
  const given = options as Record<string, unknown>;
  checkLimits({ signal: given.signal });
  for (const name of handlers)
    if (given[name] !== undefined && typeof given[name] !== 'function')
      throw invalidType(`options.${name}`, 'a function', given[name]);
}
