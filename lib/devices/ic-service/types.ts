// SPDX-License-Identifier: MIT
//
// What the integration services on a channel have in common. Nothing runs here.

import type { IcReply, IcVersion } from '../../protocol/ic.js';
import type { ServiceState } from '../service-device/types.js';

/** What is particular to one service: a constant of its protocol. */
export interface IcServiceDialect {
  /** As errors name it: `heartbeat`. */
  readonly name: string;
  /** Type of its messages, see `IcType`. */
  readonly type: number;
  /** Versions of the framework that are understood, the newest first. */
  readonly frameworks: readonly IcVersion[];
  /** Versions of the service that are understood, the newest first. */
  readonly versions: readonly IcVersion[];
}

/** A request of the host. */
export interface IcRequest {
  readonly body: Uint8Array;
  /** Version of the service that was agreed on. */
  readonly version: IcVersion;
  readonly framework: IcVersion;
}

/** What it is answered. */
export interface IcAnswer extends IcReply {
  /** Called once the answer is on its way: reply first, act afterwards. */
  after?(): void;
}

/** What serves it. */
export interface IcHandlers {
  /**
   * Answers a request, one at a time. The signal is aborted when nobody waits any more; what is answered then is dropped. An
   * error ends the service.
   */
  answer(request: IcRequest, signal: AbortSignal): IcAnswer | Promise<IcAnswer>;
  /** Told of each state but the first, `registering`. */
  onState?(state: ServiceState): void;
}

/** Plain JSON picture of a service on a channel. */
export interface IcServiceInspection {
  readonly service: string;
  readonly state: ServiceState;
  /** What was agreed on with the host, as `3.0`. */
  readonly choice: { readonly framework: string; readonly version: string } | null;
  readonly answered: number;
  /** Packets that were no messages. */
  readonly dropped: number;
}
