// SPDX-License-Identifier: MIT
//
// How the guest and a storage controller come to terms on the primary channel: begin, version, properties, end. What comes out
// of its order is refused and changes nothing.
// Called by: storage-session.ts. Source: storvsc_channel_init of drivers/scsi/storvsc_drv.c of the Linux kernel.

import {
  encodeProperties,
  encodeVersionReply,
  NtStatus,
  storageVersions,
  type VstorRequest,
} from '../../../protocol/storvsc.js';
import { mostTransferBytes } from './unit-pages.js';

/** Where the protocol is: what the guest has to say next. */
export type StorageState = 'begin' | 'version' | 'properties' | 'end' | 'ready';

/** What a controller agrees to. */
export interface NegotiationPlan {
  readonly newestVersion: number;
  readonly maxSubchannels: number;
}

/** A request that is about the protocol itself. */
export type NegotiationRequest = Exclude<
  VstorRequest,
  { kind: 'executeSrb' } | { kind: 'resetLun' | 'resetAdapter' | 'resetBus' }
>;

/** What to answer. */
export interface NegotiationAnswer {
  readonly status: number;
  /** Writes the body. */
  readonly fill?: (body: Uint8Array) => void;
  /** Offer so many subchannels once the answer is sent. */
  readonly subchannels?: number;
}

const done: NegotiationAnswer = { status: NtStatus.success };
const outOfOrder: NegotiationAnswer = { status: NtStatus.invalidDeviceState };

/** The controller's side of one opening. */
export class Negotiation {
  readonly #plan: NegotiationPlan;
  #state: StorageState;
  #version: number | null = null;
  #hasSubchannels = false;

  /** @param state `ready` for a subchannel, which says nothing of all this */
  constructor(plan: NegotiationPlan, state: StorageState) {
    this.#plan = plan;
    this.#state = state;
  }

  get state(): StorageState {
    return this.#state;
  }

  /** Null until one is agreed on. */
  get version(): number | null {
    return this.#version;
  }

  answer(request: NegotiationRequest): NegotiationAnswer {
    switch (request.kind) {
      case 'beginInitialization':
        return this.#step('begin', 'version', () => done);
      case 'queryVersion':
        return this.#state === 'version' ? this.#agree(request.version) : outOfOrder;
      case 'queryProperties':
        return this.#step('properties', 'end', () => this.#properties());
      case 'endInitialization':
        return this.#step('end', 'ready', () => done);
      case 'createSubchannels':
        return this.#createSubchannels(request.count);
      default:
        return request satisfies never;
    }
  }

  #step(from: StorageState, to: StorageState, answer: () => NegotiationAnswer): NegotiationAnswer {
    if (this.#state !== from) return outOfOrder;
    this.#state = to;
    return answer();
  }

  #agree(version: number): NegotiationAnswer {
    if (!storageVersions.includes(version) || version > this.#plan.newestVersion)
      return { status: NtStatus.revisionMismatch };
    this.#state = 'properties';
    this.#version = version;
    return { status: NtStatus.success, fill: (body) => encodeVersionReply(body, version) };
  }

  #properties(): NegotiationAnswer {
    const { maxSubchannels } = this.#plan;
    const properties = { maxSubchannels, isMultichannel: maxSubchannels > 0, maxTransferBytes: mostTransferBytes };
    return { status: NtStatus.success, fill: (body) => encodeProperties(body, properties) };
  }

  #createSubchannels(count: number): NegotiationAnswer {
    // Guests ask before or after the end of the initialisation; a subchannel has none of its own.
    const isDue = this.#version !== null && (this.#state === 'end' || this.#state === 'ready') && !this.#hasSubchannels;
    if (!isDue) return outOfOrder;
    if (count > this.#plan.maxSubchannels) return { status: NtStatus.invalidParameter };
    this.#hasSubchannels = count > 0;
    return { status: NtStatus.success, subchannels: count };
  }
}
