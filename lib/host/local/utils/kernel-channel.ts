// SPDX-License-Identifier: MIT
//
// A channel that the simulated kernel itself has open: packets pass between a provider and a driver of it, without rings.
// Made by: utils-driver.ts. Each packet arrives in a turn of its own, as over rings.

import { VmbusError } from '../../../errors.js';
import type { Guid } from '../../../guid.js';
import type { ChannelFaults, GuestMemory, HostChannel, HostSendOptions, ProviderSession } from '../../types.js';
import { noGuestMemory } from '../guest-memory.js';

/** What hv_utils can receive at most. */
const mostPayloadBytes = 0x2000;

/** Who the channel is, and who is at its other end. */
export interface KernelChannelPlan {
  readonly device: Guid;
  readonly relid: number;
  /** The driver gets a packet. */
  receive(payload: Uint8Array): void;
  rescind(): void;
  /** The provider says that the driver broke its protocol, or threw. */
  broke(error: unknown): void;
}

/** The provider's end. */
export class KernelChannel implements HostChannel {
  readonly device: Guid;
  readonly relid: number;
  readonly subchannelIndex: number = 0;
  readonly maxPayloadBytes: number = mostPayloadBytes;
  readonly openData: Uint8Array = new Uint8Array(120);
  readonly memory: GuestMemory = noGuestMemory;
  readonly #plan: KernelChannelPlan;
  #session: ProviderSession | null = null;
  #isOpen = true;

  constructor(plan: KernelChannelPlan) {
    this.#plan = plan;
    this.device = plan.device;
    this.relid = plan.relid;
  }

  /** Gives the channel its provider's session. */
  start(session: ProviderSession): void {
    this.#session = session;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  send(payload: Uint8Array, _options: HostSendOptions = {}): boolean {
    if (!this.#isOpen) return false;
    const copy = Uint8Array.from(payload);
    setImmediate(() => {
      if (this.#isOpen) this.#plan.receive(copy);
    });
    return true;
  }

  sendMany(payloads: readonly Uint8Array[]): number {
    return payloads.filter((payload) => this.send(payload)).length;
  }

  complete(): boolean {
    return this.#isOpen;
  }

  /** A packet of the driver. */
  deliver(payload: Uint8Array): void {
    setImmediate(() => {
      if (!this.#isOpen) return;
      try {
        this.#session?.onPacket({ type: 6, flags: 0, transactionId: 0n, header: new Uint8Array(0), payload });
      } catch (error) {
        this.fail(error);
      }
    });
  }

  pause(): void {}

  resume(): void {}

  offerSubchannels(): void {}

  rescind(): void {
    this.#plan.rescind();
  }

  fail(error: unknown): void {
    this.close('closed');
    this.#plan.broke(error);
  }

  close(reason: 'closed' | 'rescinded'): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#session?.onClose?.(reason);
  }

  get faults(): ChannelFaults {
    throw new VmbusError('ERR_VMBUS_UNSUPPORTED', 'the simulated kernel has this channel: it has no rings to break', {
      device: this.device,
      hint: 'bind the device to uio_hv_generic and open it: faults are for its channel then',
    });
  }
}
