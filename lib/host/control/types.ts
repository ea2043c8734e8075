// SPDX-License-Identifier: MIT
//
// What the control path needs of whoever carries it, and tells whoever plays the devices. Shapes only.
// Used by: control-path.ts, hosted-device.ts, lib/host/qemu.

import type { Guid } from '../../guid.js';
import type { Offer } from '../../protocol/control/host-messages.js';
import type { InitiateContact, OpenChannel } from '../../protocol/control/types.js';
import type { Gpadl } from './gpadl-table.js';

/** The way to a guest's processors. Everything arrives in the order in which it was given. */
export interface Synic {
  /** Virtual processors of the guest. */
  readonly processors: number;
  /** Posts a control message. */
  post(processor: number, sint: number, message: Uint8Array): void;
  /** Sets the event flag of a channel. */
  interrupt(processor: number, sint: number, relid: number): void;
  /** From now on, signals of this connection are wanted. */
  listen(connectionId: number): void;
  unlisten(connectionId: number): void;
}

/** A channel that was offered to the guest, until its relid is released. */
export interface OfferedChannel {
  readonly offer: Offer;
  readonly relid: number;
  /** Processor that its interrupts go to, null while it is not open or wants none. */
  processor: number | null;
  isOpen: boolean;
  /** Handle of the rings while it is open. */
  ringGpadl: number | null;
  isRescinded: boolean;
}

/** What an offer is made of; the rest is the control path's to give. */
export type OfferRequest = Omit<Offer, 'relid' | 'connectionId'>;

/** What happens on the bus. */
export interface ControlEvents {
  /** The guest talks a version that both know. */
  connected(contact: InitiateContact): void;
  /** Everything offered is void: the guest unloads, begins anew, or is gone. */
  lost(): void;
  /** Time for the first offers. */
  offersRequested(): void;
  /** The guest opens a channel. Answers a status: 0, or anything else for a refusal. May take its time. */
  open(channel: OfferedChannel, request: OpenChannel, gpadl: Gpadl): Promise<number>;
  /** The guest closed it, or it was withdrawn while open. */
  closed(channel: OfferedChannel): void;
  /** The relid is free again. */
  released(channel: OfferedChannel): void;
  /** The guest wants a socket connected; false: nobody serves it. */
  socketConnect(endpoint: Guid, service: Guid): boolean;
  /** The guest said something that makes no sense; it was left without effect. */
  nonsense(what: string, channel: OfferedChannel | null): void;
}
