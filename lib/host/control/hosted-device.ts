// SPDX-License-Identifier: MIT
//
// A provider's device on a bus that a kernel is on: its offer, its channels, what happens when they open and close.
// Called by: lib/host/qemu/qemu-host.ts. Calls: control-path.ts to offer and withdraw, the provider.

import type { Guid } from '../../guid.js';
import type { OpenChannel } from '../../protocol/control/types.js';
import { type ChannelSeat, RingHostChannel } from '../host-channel.js';
import type { GuestMemory, HostedDevice, Provider } from '../types.js';
import type { AttachedRing } from './attached-ring.js';
import type { ControlPath } from './control-path.js';
import type { Gpadl } from './gpadl-table.js';
import type { OfferedChannel } from './types.js';

/** A guest that completes nothing must not keep its device for ever. */
const drainMs = 5_000;
/** What STATUS_UNSUCCESSFUL is: the guest's open fails. */
const refused = 0xc000_0001;

/** What a device needs of its host. */
export interface DeviceSurroundings {
  readonly control: ControlPath;
  /** Attaches to rings of the guest. @throws VmbusError ERR_VMBUS_CORRUPT when its pages cannot be rings */
  attach(gpadl: Gpadl, split: number, hooks: RingHooks): Promise<AttachedRing>;
  memory(owns: (relid: number) => boolean): GuestMemory;
  /** The guest broke the rules, or the provider threw. */
  trouble(device: HostedBusDevice, relid: number, error: unknown): void;
  withdraw(device: HostedBusDevice): void;
}

/** What rings in a guest's memory ask of their channel. */
export interface RingHooks {
  signal(): void;
  broke(error: unknown): void;
}

/** A channel that the guest has open. */
interface Opened {
  readonly host: RingHostChannel;
  readonly ring: AttachedRing;
}

/** A device that is offered, or will be as soon as a guest asks. */
export class HostedBusDevice implements HostedDevice {
  readonly provider: Provider;
  readonly instanceGuid: Guid;
  readonly #around: DeviceSurroundings;
  readonly #channels = new Map<OfferedChannel, Opened | null>();
  #primary: OfferedChannel | null = null;

  constructor(provider: Provider, instanceGuid: Guid, around: DeviceSurroundings) {
    this.provider = provider;
    this.instanceGuid = instanceGuid;
    this.#around = around;
  }

  get name(): string {
    return this.provider.name;
  }

  get classGuid(): Guid {
    return this.provider.classGuid;
  }

  /** 0 while it is not offered. */
  get relid(): number {
    return this.#primary?.relid ?? 0;
  }

  /** What the guest does with it is the guest's own. */
  get driver(): null {
    return null;
  }

  get isOpen(): boolean {
    return this.#primary?.isOpen ?? false;
  }

  /** The host's ends that are open, the primary first. */
  get openChannels(): RingHostChannel[] {
    const open = [...this.#channels.values()].flatMap((opened) => (opened ? [opened.host] : []));
    return open.sort((a, b) => a.subchannelIndex - b.subchannelIndex);
  }

  get monitorId(): number | null {
    return this.provider.monitorId ?? null;
  }

  /** Offers the primary channel; false when no relid is free. */
  offer(): boolean {
    if (this.#primary !== null) return true;
    this.#primary = this.#offer(0);
    return this.#primary !== null;
  }

  /** Withdraws every channel, once what is in flight has ended; the guest gives the relids back in its own time. */
  rescind(): void {
    for (const channel of this.openChannels) channel.leave();
    const drained = this.openChannels.flatMap((channel) => channel.drain() ?? []);
    if (drained.length === 0) this.#withdraw({ staysOpen: false });
    else void settledWithin(drained, drainMs).then(() => this.#withdraw({ staysOpen: true }));
  }

  owns(channel: OfferedChannel): boolean {
    return this.#channels.has(channel);
  }

  /** The guest opens a channel. */
  async open(channel: OfferedChannel, request: OpenChannel, gpadl: Gpadl): Promise<number> {
    const { relid } = channel;
    const { control } = this.#around;
    const broke = (error: unknown): void => this.#around.trouble(this, relid, error);
    let ring: AttachedRing;
    try {
      ring = await this.#around.attach(gpadl, request.splitPage, { signal: () => control.interrupt(channel), broke });
    } catch (error) {
      broke(error);
      return refused;
    }
    if (!channel.isOpen || this.#channels.get(channel) !== null) {
      ring.close();
      return refused;
    }
    const host = new RingHostChannel(ring.end, this.#seat(channel, request));
    this.#channels.set(channel, { host, ring });
    try {
      host.start(this.provider.onOpen(host));
    } catch (error) {
      this.closed(channel);
      broke(error);
      return refused;
    }
    // The guest may have written before anybody listened.
    ring.onSignal(() => host.onDoorbell());
    return 0;
  }

  /** The guest signalled a channel. */
  signalled(channel: OfferedChannel): void {
    const opened = this.#channels.get(channel);
    opened?.ring.onSignal(() => opened.host.onDoorbell());
  }

  /** Its bit in the monitor page was set, which all its channels share. */
  signalledAll(): void {
    for (const channel of this.#channels.keys()) this.signalled(channel);
  }

  /** A channel is no longer open. With the primary its subchannels go: drivers count on it. */
  closed(channel: OfferedChannel): void {
    const opened = this.#channels.get(channel);
    if (opened) {
      this.#channels.set(channel, null);
      opened.host.close();
      opened.ring.close();
    }
    if (channel !== this.#primary) return;
    for (const other of this.#channels.keys()) if (other !== channel) this.#around.control.rescind(other);
  }

  /** The relid of a channel is free again. True when the device has no channel left. */
  released(channel: OfferedChannel): boolean {
    this.closed(channel);
    this.#channels.delete(channel);
    if (channel === this.#primary) this.#primary = null;
    return this.#channels.size === 0;
  }

  /** Subchannels first: they are gone when the guest hears of the primary. */
  #withdraw(options: { readonly staysOpen: boolean }): void {
    for (const channel of [...this.#channels.keys()].reverse()) {
      // What the guest was sent before it may read after it has heard.
      if (channel.isOpen) this.#channels.get(channel)?.ring.flush?.();
      this.#around.control.rescind(channel, options);
    }
  }

  #seat(channel: OfferedChannel, request: OpenChannel): ChannelSeat {
    const { relid, offer } = channel;
    return {
      device: this.instanceGuid,
      relid,
      subchannelIndex: offer.subchannelIndex,
      openData: request.userData,
      memory: this.#around.memory((owner) => [...this.#channels.keys()].some((own) => own.relid === owner)),
      offerSubchannels: (count) => this.#offerSubchannels(count),
      rescind: () => this.#around.withdraw(this),
      broke: (error) => {
        this.#around.trouble(this, relid, error);
        // The guest would wait for answers without end. What is gone it understands.
        if (offer.subchannelIndex === 0) this.#around.withdraw(this);
        else this.#around.control.rescind(channel);
      },
    };
  }

  #offerSubchannels(count: number): void {
    const indexes = [...this.#channels.keys()].map(({ offer }) => offer.subchannelIndex);
    for (let i = 1; i <= count; i += 1) this.#offer(Math.max(0, ...indexes) + i);
  }

  #offer(subchannelIndex: number): OfferedChannel | null {
    const { classGuid, offer = {} } = this.provider;
    const channel = this.#around.control.offer({
      classGuid,
      instanceGuid: this.instanceGuid,
      flags: offer.flags ?? 0,
      mmioMegabytes: subchannelIndex === 0 ? (offer.mmioMegabytes ?? 0) : 0,
      userData: offer.userData ?? new Uint8Array(0),
      subchannelIndex,
      monitorId: this.monitorId,
    });
    if (channel) this.#channels.set(channel, null);
    return channel;
  }
}

/** Resolves when all have settled, however, or the time is up. */
async function settledWithin(promises: readonly Promise<void>[], ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const time = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms).unref();
  });
  await Promise.race([Promise.allSettled(promises), time]);
  clearTimeout(timer);
}
