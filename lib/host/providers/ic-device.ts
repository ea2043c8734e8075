// SPDX-License-Identifier: MIT
//
// What the devices of all integration services have in common: how they are offered, their openings one after the other,
// and what scripts see of that.
// Called by: heartbeat.ts, shutdown.ts, timesync.ts, kvp.ts, vss.ts, fcopy.ts. Each opening is an ic-session.ts.

import { checkInteger, checkLimits, checkOptionNames } from '../../check.js';
import { type Guid, parseGuid } from '../../guid.js';
import { Limit } from '../../limit.js';
import { icVersionName } from '../../protocol/ic.js';
import { PipeMode, pipeOfferFlag, pipeUserData } from '../../protocol/pipe.js';
import type { HostChannel, OfferDetails, Provider, ProviderSession } from '../types.js';
import { closedError, timeoutError } from './ic-errors.js';
import type { IcLimits, IcRequest } from './ic-pending.js';
import { type IcService, IcSession, type IcSessionState } from './ic-session.js';
import { Listeners } from './listeners.js';
import { checkProviderOptions } from './provider-options.js';

/** Options of every integration service. */
export interface IcOptions {
  /** How long requests wait until versions are agreed on. Linux takes 55 s where a daemon is missing. Default 60 000. */
  readonly negotiationTimeoutMs?: number;
  readonly instanceGuid?: string;
  /** Makes the channel a fast one. */
  readonly monitorId?: number;
  /** Size of one ring with its header page, in bytes. Default: as the guest's kernel has it. */
  readonly ringBytes?: number;
  /** Name that commands know the device by. Default: that of the service. */
  readonly name?: string;
}

/** Names of the options of every integration service. */
export const icOptions: readonly (keyof IcOptions)[] = [
  'negotiationTimeoutMs',
  'instanceGuid',
  'monitorId',
  'ringBytes',
  'name',
];

export type { IcLimits } from './ic-pending.js';

/**
 * Where an integration service is: nobody has opened the device; versions are being agreed on; it can be asked; the guest
 * knows none of the versions.
 */
export type IcState = IcSessionState;

/** Tells where the service is. */
export interface IcStateEvent {
  readonly kind: 'state';
  readonly state: IcState;
}

/** Versions that host and guest agreed on, such as `3.0`. */
export interface IcAgreement {
  readonly framework: string;
  readonly service: string;
}

/** An integration service of the guest, as the host sees it. */
export interface IcProvider<E> extends Provider {
  readonly state: IcState;
  /** What was agreed on; null unless the service is ready. */
  readonly versions: IcAgreement | null;
  /**
   * Waits until the guest serves the device and versions are agreed on.
   * @throws VmbusError ERR_VMBUS_UNSUPPORTED when there are none in common, ERR_VMBUS_TIMEOUT; the signal's reason
   */
  ready(limits?: IcLimits): Promise<void>;
  /** Agrees on versions once more, as hosts do after they restored a machine. @throws as {@link ready}; ERR_VMBUS_CLOSED */
  renegotiate(limits?: IcLimits): Promise<void>;
  /** Answers each event from now on; a function that ends it. */
  subscribe(listener: (event: E | IcStateEvent) => void): () => void;
  /** The same as an iteration; ends on abort. */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<E | IcStateEvent>;
}

/** What a service is, whatever its options. */
export interface IcDefinition extends Omit<IcService, 'negotiationTimeoutMs'> {
  readonly classGuid: Guid;
  readonly instanceGuid: Guid;
}

/** A device of an integration service. */
export abstract class IcDevice<E> implements IcProvider<E> {
  readonly name: string;
  readonly classGuid: Guid;
  readonly instanceGuid: Guid;
  readonly monitorId?: number;
  readonly ringBytes?: number;
  /** As Hyper-V offers them: a named pipe in message mode. */
  readonly offer: OfferDetails = { flags: 0x1 | pipeOfferFlag, userData: pipeUserData(PipeMode.message) };
  readonly #service: IcService;
  readonly #listeners = new Listeners<E | IcStateEvent>();
  #session: IcSession | null = null;
  #period: AbortController | null = null;
  #end: 'absent' | 'rescinded' = 'absent';

  constructor(definition: IcDefinition, options: IcOptions, known: readonly string[]) {
    checkProviderOptions(options, known);
    const { negotiationTimeoutMs = 60_000, monitorId, ringBytes } = options;
    checkMs(negotiationTimeoutMs, 'options.negotiationTimeoutMs', 1);
    this.#service = { ...definition, negotiationTimeoutMs };
    this.name = options.name ?? definition.name;
    this.classGuid = definition.classGuid;
    this.instanceGuid =
      options.instanceGuid === undefined
        ? definition.instanceGuid
        : parseGuid(options.instanceGuid, 'options.instanceGuid');
    if (monitorId !== undefined) this.monitorId = monitorId;
    if (ringBytes !== undefined) this.ringBytes = ringBytes;
  }

  get state(): IcState {
    return this.#session?.state ?? 'closed';
  }

  get versions(): IcAgreement | null {
    const choice = this.#session?.choice;
    return choice ? { framework: icVersionName(choice.framework), service: icVersionName(choice.message) } : null;
  }

  async ready(limits: IcLimits = {}): Promise<void> {
    checkIcLimits(limits);
    limits.signal?.throwIfAborted();
    await this.#whenReady(limits);
  }

  async renegotiate(limits: IcLimits = {}): Promise<void> {
    checkIcLimits(limits);
    limits.signal?.throwIfAborted();
    if (!this.#session) throw this.#closedError();
    this.#session.renegotiate();
    await this.#whenReady(limits, true);
  }

  subscribe(listener: (event: E | IcStateEvent) => void): () => void {
    return this.#listeners.subscribe(listener);
  }

  events(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<E | IcStateEvent> {
    return this.#listeners.events(options);
  }

  onOpen(channel: HostChannel): ProviderSession {
    const session = new IcSession(channel, this.#service, (state) => {
      if (this.#session === session) this.#entered(state);
    });
    this.#period?.abort();
    this.#session = session;
    this.#end = 'absent';
    this.#listeners.tell({ kind: 'state', state: session.state });
    session.start();
    return {
      onPacket: (packet) => session.onPacket(packet),
      onSpace: () => session.onSpace(),
      onWithdraw: () => this.withdrawing(),
      onClose: (reason) => {
        if (reason === 'rescinded') this.#end = reason;
        session.onClose(reason);
        if (this.#session === session) this.#session = null;
      },
    };
  }

  /** Runs once in each time in which the service is ready; `signal` ends with it. May be what a service does by itself. */
  protected async whileReady(_signal: AbortSignal): Promise<void> {}

  /** The channel ends; its requests are rejected. */
  protected closed(): void {}

  /** The device is withdrawn now; see {@link sendLast}. */
  protected withdrawing(): void {}

  /** Asks the guest. @throws VmbusError ERR_VMBUS_CLOSED when nobody serves the device, and as {@link IcSession.request} */
  protected request<T>(request: IcRequest<T>, limits: IcLimits = {}): Promise<T> {
    return this.#session?.request(request, limits) ?? Promise.reject(this.#closedError());
  }

  protected tell(event: E): void {
    this.#listeners.tell(event);
  }

  /** Sends a request out of turn, and never sees the answer: for the last moment of a device or a process. */
  protected sendLast(request: IcRequest<unknown>): void {
    this.#session?.sendLast(request);
  }

  #entered(state: IcState): void {
    this.#period?.abort();
    this.#period = null;
    if (state === 'ready') {
      const period = new AbortController();
      this.#period = period;
      // What ends with the period ends quietly; anything else is a bug of the service.
      this.whileReady(period.signal).catch((error: unknown) => {
        if (!period.signal.aborted) throw error;
      });
    }
    if (state === 'closed') this.closed();
    this.#listeners.tell({ kind: 'state', state });
  }

  #whenReady({ signal, timeoutMs }: IcLimits, endsWithChannel = false): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        stop();
        limit.clear();
        settle();
      };
      const look = (): void => {
        if (this.state === 'ready') end(resolve);
        else if (this.state === 'refused') end(() => reject(this.#session?.refusal));
        else if (this.state === 'closed' && endsWithChannel) end(() => reject(this.#closedError()));
      };
      const stop = this.#listeners.subscribe(look);
      const giveUp = (error: unknown): void => end(() => reject(error));
      const limit = new Limit({ signal, timeoutMs }, giveUp, (ms) => {
        const { name, silenceHint } = this.#service;
        return timeoutError(name, {}, 'negotiation of versions', ms, silenceHint);
      }).ref();
      look();
    });
  }

  #closedError(): Error {
    return closedError(this.#service.name, {}, this.#end);
  }
}

/** @throws TypeError, RangeError */
export function checkIcLimits(limits: unknown, more: readonly string[] = []): asserts limits is IcLimits {
  checkOptionNames(limits, ['signal', 'timeoutMs', ...more]);
  checkLimits(limits as IcLimits);
}

/** A time that timers take. @throws TypeError, RangeError */
export function checkMs(value: unknown, name: string, least = 0): void {
  checkInteger(value, name, least, 2 ** 31 - 1);
}
