// SPDX-License-Identifier: MIT
//
// One connection from its offer to its end. A guest that does not want it does not say so: its kernel ignores the offer, which
// is then withdrawn when its time is up.
// Made by: hvsock.ts. Each opening is a hvsock-session.ts.

import { VmbusError } from '../../errors.js';
import type { Guid } from '../../guid.js';
import { portInGuid, socketOfferFlags, socketUserData } from '../../protocol/hvsock.js';
import type { HostChannel, OfferDetails, Provider, ProviderSession, ServiceBus } from '../types.js';
import { type HvSocket, SocketSession } from './hvsock-session.js';

/** What a connection is made of. */
export interface SocketPlan {
  readonly service: Guid;
  readonly endpoint: Guid;
  readonly isFromHost: boolean;
  readonly allowHalfOpen: boolean;
  readonly timeoutMs: number;
}

/** What a connection tells. */
export interface SocketHooks {
  opened(socket: HvSocket): void;
  /** Not opened in time. */
  expired(): void;
  /** It is over, however it ended. */
  gone(): void;
}

/** A connection that is offered, and open once the guest took it. */
export class SocketOffer implements Provider {
  readonly name = 'hvsock';
  readonly classGuid: Guid;
  readonly instanceGuid: Guid;
  readonly offer: OfferDetails;
  readonly #plan: SocketPlan;
  readonly #hooks: SocketHooks;
  #handle: { withdraw(): void } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #socket: HvSocket | null = null;
  #isOver = false;

  constructor(plan: SocketPlan, hooks: SocketHooks) {
    this.#plan = plan;
    this.#hooks = hooks;
    this.classGuid = plan.service;
    this.instanceGuid = plan.endpoint;
    this.offer = { flags: socketOfferFlags, userData: socketUserData(plan) };
  }

  /** The stream, once the guest took the connection. */
  get socket(): HvSocket | null {
    return this.#socket;
  }

  /** Offers the connection. @throws what the bus throws */
  start(bus: ServiceBus): void {
    this.#handle = bus.offer(this);
    if (this.#isOver) this.#handle.withdraw();
    else if (!this.#socket) this.#timer = setTimeout(() => this.#hooks.expired(), this.#plan.timeoutMs);
  }

  /** Ends the connection, with an error where it is open. */
  end(error?: Error): void {
    if (this.#socket) this.#socket.destroy(error);
    else this.#withdraw();
  }

  onOpen(channel: HostChannel): ProviderSession {
    if (this.#isOver || this.#socket)
      throw new VmbusError('ERR_VMBUS_PROTOCOL', 'hvsock: the guest opened a connection that is over', {
        device: this.instanceGuid,
      });
    this.#clearTimer();
    const [service, endpoint] = [portInGuid(this.#plan.service), portInGuid(this.#plan.endpoint)];
    const [localPort, remotePort] = this.#plan.isFromHost ? [endpoint, service] : [service, endpoint];
    const { allowHalfOpen } = this.#plan;
    const session = new SocketSession(channel, { localPort, remotePort, allowHalfOpen }, () => this.#withdraw());
    this.#socket = session.socket;
    this.#hooks.opened(session.socket);
    return session;
  }

  #withdraw(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#clearTimer();
    this.#handle?.withdraw();
    this.#hooks.gone();
  }

  #clearTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
