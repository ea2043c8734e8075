// SPDX-License-Identifier: MIT
//
// What keyboard, mouse and video have in common: one guest at a time, a handshake before anything else, and a guest that
// breaks the protocol loses its channel. Each opening begins from nothing.
// Called by keyboard.ts, mouse.ts, video.ts.

import { VmbusError } from '../../errors.js';
import { type Guid, parseGuid } from '../../guid.js';
import { protocolViolation } from '../../protocol/wire-fields.js';
import type { HostChannel, HostPacket, Provider, ProviderSession } from '../types.js';
import { Listeners, type WaitOptions } from './listeners.js';
import { Outgoing } from './outgoing.js';

const inband = 6;

/** Options that the three devices have. */
export interface SynthOptions {
  /** Default: the one that the device has on every Hyper-V host. */
  readonly instanceGuid?: string;
  /** Size of one ring with its header page, in bytes. Default: as the guest's kernel has it. */
  readonly ringBytes?: number;
  /** Name that commands know the device by. Default: the class. */
  readonly name?: string;
}

/** Names of these options. */
export const synthOptions: readonly (keyof SynthOptions)[] = ['instanceGuid', 'ringBytes', 'name'];

/** What each of the three can do. */
export interface SynthProvider<Event> extends Provider {
  /** Whether a guest has the device open and its handshake is over. */
  readonly isReady: boolean;
  /**
   * Resolves when {@link isReady}. Linux makes its input device a moment later, and drops what comes before that.
   * @throws VmbusError ERR_VMBUS_TIMEOUT; what the signal was aborted with
   */
  ready(options?: WaitOptions): Promise<void>;
  /** Answers each event from now on; a function that ends it. */
  subscribe(listener: (event: Event) => void): () => void;
  /** The same as an iteration; ends on abort. */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<Event>;
}

/** One opening of a device. */
export abstract class SynthSession implements ProviderSession {
  readonly outgoing: Outgoing;
  /** Whether the handshake is over. */
  isReady = false;
  protected readonly channel: HostChannel;
  readonly #service: string;
  readonly #closed: () => void;

  constructor(channel: HostChannel, service: string, closed: () => void) {
    this.channel = channel;
    this.#service = service;
    this.#closed = closed;
    this.outgoing = new Outgoing(channel);
  }

  /** A message of the guest. What it throws ends the channel. */
  protected abstract take(payload: Uint8Array): void;

  onPacket({ type, payload }: HostPacket): void {
    try {
      if (type !== inband) throw protocolViolation(this.#service, `packet of type ${type}`, { type });
      this.take(payload);
    } catch (error) {
      this.channel.fail(error);
    }
  }

  onSpace(): void {
    this.outgoing.flush();
  }

  onClose(): void {
    this.isReady = false;
    this.outgoing.close(notOpen(this.#service, 'closed while something was to be sent'));
    this.#closed();
  }

  /** The error for a message that is not due. */
  protected unexpected(what: string): VmbusError {
    return protocolViolation(this.#service, `${what} is not due`);
  }
}

/** A device of which scripts hold the user's end. */
export abstract class SynthDevice<Event extends { readonly kind: string }, Session extends SynthSession>
  implements SynthProvider<Event>
{
  readonly name: string;
  readonly classGuid: Guid;
  readonly instanceGuid: Guid;
  readonly ringBytes?: number;
  protected readonly listeners: Listeners<Event> = new Listeners();
  /** The opening there is, ready or not. */
  protected opening: Session | null = null;
  readonly #service: string;

  constructor(service: string, guids: { readonly class: Guid; readonly instance: Guid }, options: SynthOptions) {
    this.#service = service;
    this.name = options.name ?? service;
    this.classGuid = guids.class;
    this.instanceGuid =
      options.instanceGuid === undefined ? guids.instance : parseGuid(options.instanceGuid, 'instanceGuid');
    if (options.ringBytes !== undefined) this.ringBytes = options.ringBytes;
  }

  get isReady(): boolean {
    return this.opening?.isReady ?? false;
  }

  async ready(options: WaitOptions = {}): Promise<void> {
    if (this.isReady) return;
    await this.listeners.wait(() => this.isReady, `no guest opened the ${this.#service}`, options);
  }

  subscribe(listener: (event: Event) => void): () => void {
    return this.listeners.subscribe(listener);
  }

  events(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<Event> {
    return this.listeners.events(options);
  }

  onOpen(channel: HostChannel): ProviderSession {
    const session = this.begin(channel, () => {
      if (this.opening === session) this.opening = null;
      this.ended();
    });
    this.opening = session;
    return session;
  }

  /** A new opening; `closed` is called when it is over. */
  protected abstract begin(channel: HostChannel, closed: () => void): Session;

  /** An opening is over. */
  protected abstract ended(): void;

  /** The opening, for sending. @throws VmbusError ERR_VMBUS_CLOSED */
  protected session(): Session {
    if (this.opening?.isReady) return this.opening;
    throw notOpen(this.#service, 'not open in a guest', this.instanceGuid);
  }
}

function notOpen(service: string, state: string, device?: Guid): VmbusError {
  return new VmbusError('ERR_VMBUS_CLOSED', `the ${service} is ${state}`, {
    ...(device === undefined ? {} : { device }),
    hint: `await ${service}.ready()`,
  });
}
