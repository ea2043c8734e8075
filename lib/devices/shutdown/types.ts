// SPDX-License-Identifier: MIT
//
// Shapes of shutdown requests in a script's hands. Nothing runs here.

import type { ShutdownWay } from '../../protocol/shutdown.js';
import type { IcGuestOptions, IcOpenOptions } from '../ic-guest.js';

export type { ShutdownWay } from '../../protocol/shutdown.js';

/** What the host asks for. */
export interface ShutdownAsk {
  readonly way: ShutdownWay;
  /** Without waiting for applications. */
  readonly isForced: boolean;
  /** 0x80000000: planned. */
  readonly reason: number;
  /** How long the host grants, in seconds; 0 where it does not say. */
  readonly timeoutSeconds: number;
  /** For whoever is logged in; the host's own words, with any characters in them. */
  readonly text: string;
}

/** A refusal, with the status that the host gets: see `IcStatus`, which failures are. */
export interface ShutdownRefusal {
  readonly refuse: number;
}

/** What a handler answers: nothing to agree, or a refusal. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler that agrees need not say so.
export type ShutdownAnswer = ShutdownRefusal | undefined | void;

/** What became of a request. */
export interface ShutdownEvent {
  readonly ask: ShutdownAsk;
  readonly answer: 'accepted' | 'refused';
  readonly status: number;
  readonly statusName: string;
  /** The handler took longer than its limit. */
  readonly isOverdue: boolean;
  /** What the handler threw; refused for that. */
  readonly error?: unknown;
}

/** Options of serving shutdown requests. */
export interface ShutdownGuestOptions extends IcGuestOptions {
  /**
   * Decides, and gets ready: what it does is done before the host has its answer. Answers nothing to agree, or a refusal; an
   * error refuses as well. The signal is aborted when its time is over, and when nobody waits any more. Default: agrees.
   */
  onRequest?(ask: ShutdownAsk, signal: AbortSignal): ShutdownAnswer | Promise<ShutdownAnswer>;
  /**
   * Acts: the host has been told that it is obeyed, and the kernel does nothing. An error ends the service.
   */
  onAccepted(ask: ShutdownAsk): void | Promise<void>;
  /** How long the handler may take. Default 20 000; hosts wait half a minute. */
  readonly limitMs?: number;
  /** What a request is answered whose handler took longer. Default `accept`. */
  readonly whenOverdue?: 'accept' | 'refuse';
  /** Requests to hibernate come to the handler. Default: they are refused as not supported. */
  readonly canHibernate?: boolean;
}

/** Options of opening the device as well. */
export interface OpenShutdownOptions extends ShutdownGuestOptions, IcOpenOptions {}
