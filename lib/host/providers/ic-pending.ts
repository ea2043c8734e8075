// SPDX-License-Identifier: MIT
//
// One request to an integration service of the guest: its promise, its patience, and whether anybody still waits for it.
// Called by: ic-session.ts.

import { Limit } from '../../limit.js';
import type { IcChoice } from '../../protocol/ic-negotiation.js';

/** How long somebody waits. */
export interface IcLimits {
  /** Ends the wait at once. What the guest was asked already stays asked: nothing else is until it has answered. */
  readonly signal?: AbortSignal;
  /** How long to wait, from the call. Default: as long as the request's default, once versions are agreed on. */
  readonly timeoutMs?: number;
}

/** What a guest answered. The body is valid during the call only. */
export interface IcAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  /** Version of the service that was agreed on. */
  readonly version: number;
}

/** A request, and how to read its answer. */
export interface IcRequest<T> {
  /** What is asked for, as errors name it: `freeze`. */
  readonly what: string;
  /** Body in the layout of a version. Called when the request is sent. */
  encode(version: number): Uint8Array;
  /** Result of the promise. @throws VmbusError ERR_VMBUS_PROTOCOL ends the channel; anything else rejects the promise alone */
  decode(answer: IcAnswer): T;
  /** How long the guest may take for its answer, from when it is asked; absent: for ever. */
  readonly answerMs?: number;
  /** Goes before all that wait. */
  readonly isUrgent?: boolean;
}

/** What a pending request asks of its session. */
export interface PendingHooks {
  /** Nobody waits any more: the signal was aborted, or time ran out. The promise is rejected already. */
  abandoned(pending: IcPending): void;
  timedOut(pending: IcPending, timeoutMs: number): Error;
}

/** A request whose answer is awaited. */
export class IcPending {
  readonly request: IcRequest<unknown>;
  readonly promise: Promise<unknown>;
  /** What was agreed on when it was sent. */
  choice: IcChoice | null = null;
  /** Nobody waits, but the guest still has to answer. */
  isAbandoned = false;
  readonly #limits: IcLimits;
  readonly #hooks: PendingHooks;
  #settle: { resolve(value: unknown): void; reject(error: unknown): void } = { resolve: ignore, reject: ignore };
  #limit: Limit | null = null;

  constructor(request: IcRequest<unknown>, limits: IcLimits, hooks: PendingHooks) {
    this.request = request;
    this.#limits = limits;
    this.#hooks = hooks;
    this.promise = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#start(limits.timeoutMs);
  }

  /** Whether it waits for ever, so that others behind it cannot rely on its clock. */
  get isPatient(): boolean {
    return (this.#limits.timeoutMs ?? this.request.answerMs) === undefined;
  }

  /** Starts the clock afresh; undefined stops it, and leaves the signal. A limit of the caller's own runs on. */
  arm(timeoutMs: number | undefined): void {
    if (this.#limits.timeoutMs === undefined) this.#start(timeoutMs);
  }

  resolve(value: unknown): void {
    this.#limit?.clear();
    this.#settle.resolve(value);
  }

  reject(error: unknown): void {
    this.#limit?.clear();
    this.#settle.reject(error);
  }

  #start(timeoutMs: number | undefined): void {
    this.#limit?.clear();
    const giveUp = (error: unknown): void => {
      this.reject(error);
      this.#hooks.abandoned(this);
    };
    this.#limit = new Limit({ signal: this.#limits.signal, timeoutMs }, giveUp, (ms) =>
      this.#hooks.timedOut(this, ms),
    ).ref();
  }
}

function ignore(): void {}
