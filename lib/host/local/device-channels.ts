// SPDX-License-Identifier: MIT
//
// The channels of one simulated device: the primary one as long as the device is offered, subchannels as long as the guest
// holds it open; and the way of a doorbell to each of them.
// Called by: local/device.ts. Calls: local/channel-record.ts, the provider.

import type { Guid } from '../../guid.js';
import { classOfGuid } from '../../protocol/classes.js';
import type { ChannelSeat, RingHostChannel } from '../host-channel.js';
import type { Provider } from '../types.js';
import type { RingFacts } from './attributes.js';
import { ChannelRecord } from './channel-record.js';
import { type DeviceBuffers, memoryWith } from './guest-memory.js';
import { kernelRingBytes } from './native-drivers.js';
import type { UioNode } from './node.js';
import type { DeviceSurroundings } from './surroundings.js';

/** uio_hv_generic opens its channels with nothing to say. */
const noOpenData = new Uint8Array(120);

/** The device that channels are of. */
export interface ChannelsOwner {
  readonly guid: Guid;
  readonly relid: number;
  readonly provider: Provider;
  /** Folder in the tree. */
  readonly folder: string;
  /** The node, while one is served that can be opened. */
  readonly servedNode: UioNode | null;
  /** What it shares beside its rings, while a node is served. */
  readonly buffers: DeviceBuffers | null;
  /** Attributes of the device may have changed. */
  refresh(): void;
  /** Withdraws the device. */
  rescind(): void;
}

/** Every channel of a device, by relid, the primary first. */
export class DeviceChannels {
  readonly #owner: ChannelsOwner;
  readonly #around: DeviceSurroundings;
  readonly #records = new Map<number, ChannelRecord>();

  constructor(owner: ChannelsOwner, around: DeviceSurroundings) {
    this.#owner = owner;
    this.#around = around;
  }

  /** Both rings of a channel with their headers, in bytes. */
  get pairBytes(): number {
    const { ringBytes, classGuid } = this.#owner.provider;
    return 2 * (ringBytes ?? kernelRingBytes(classGuid));
  }

  get monitorId(): number | null {
    return this.#owner.provider.monitorId ?? null;
  }

  /** The host's ends that are open, the primary first. */
  get open(): RingHostChannel[] {
    return this.#all.flatMap((channel) => (channel.host ? [channel.host] : []));
  }

  /** Relids and CPUs, the primary first. */
  get cpuMap(): readonly { readonly relid: number; readonly cpu: number }[] {
    return this.#all;
  }

  /** Ring words of the primary channel. */
  get facts(): RingFacts {
    return this.#primary?.facts ?? null;
  }

  get interrupts(): number {
    return this.#all.reduce((sum, channel) => sum + channel.interrupts, 0);
  }

  addPrimary(): void {
    this.#add(this.#owner.relid, 0);
    this.showPrimaryRing();
  }

  /** Links the primary channel's ring while a node is served. */
  showPrimaryRing(): void {
    const { servedNode } = this.#owner;
    if (!this.#primary || !servedNode) return;
    this.#primary.ring = 0;
    this.#primary.showRing(servedNode.ringPath(0));
  }

  hideRings(): void {
    for (const channel of this.#all) channel.hideRing();
  }

  /** The guest opened the node. */
  openPrimary(): void {
    if (this.#primary) this.#open(this.#primary);
  }

  /** Ends every opening; subchannels are withdrawn with it, as hosts do when the primary channel closes. */
  close(): void {
    for (const channel of this.#all.reverse()) {
      const wasOpen = channel.host !== null;
      if (channel.subchannelIndex === 0) channel.close();
      else this.#withdraw(channel);
      if (wasOpen) this.#tell('closed', channel);
    }
  }

  /** The guest rang; one doorbell is for every channel of the node. */
  doorbell(value: number): void {
    for (const channel of this.#all) {
      if (value !== 0 && this.monitorId === null) channel.countEvent();
      channel.host?.onDoorbell();
    }
  }

  refresh(): void {
    for (const channel of this.#all) channel.refresh();
  }

  /** Removes every channel; answers their relids, which are still taken. */
  dispose(): number[] {
    const relids = [...this.#records.keys()];
    for (const channel of this.#all) channel.dispose();
    this.#records.clear();
    return relids;
  }

  get #all(): ChannelRecord[] {
    return [...this.#records.values()];
  }

  get #primary(): ChannelRecord | undefined {
    return this.#records.get(this.#owner.relid);
  }

  #add(relid: number, subchannelIndex: number): ChannelRecord {
    const { tree, cpus } = this.#around;
    const isSpread = classOfGuid(this.#owner.provider.classGuid).performance;
    const channel = new ChannelRecord({
      tree,
      relid,
      subchannelIndex,
      cpu: isSpread ? this.#around.nextCpu() : 0,
      cpus,
      deviceFolder: this.#owner.folder,
      monitorId: this.monitorId,
      onCpu: () => this.#owner.refresh(),
    });
    this.#records.set(relid, channel);
    this.#announce('add', relid);
    return channel;
  }

  #open(channel: ChannelRecord): void {
    const { guid, provider, servedNode } = this.#owner;
    if (!servedNode || channel.ring === null) return;
    const { relid, subchannelIndex } = channel;
    const seat: ChannelSeat = {
      device: guid,
      relid,
      subchannelIndex,
      openData: noOpenData,
      memory: memoryWith(servedNode, () => this.#owner.buffers),
      offerSubchannels: (count) => this.#offer(count),
      rescind: () => this.#owner.rescind(),
      broke: (error) => this.#around.trouble({ device: guid, relid, provider: provider.name, error }),
    };
    const end = servedNode.attach(channel.ring);
    this.#tell('opened', channel);
    channel.open(end, seat, (host) => provider.onOpen(host));
  }

  #tell(kind: 'opened' | 'closed', { relid, subchannelIndex }: ChannelRecord): void {
    const { guid, provider } = this.#owner;
    this.#around.tell({ kind, device: guid, name: provider.name, relid, subchannelIndex });
  }

  #offer(count: number): void {
    for (let i = 0; i < count; i += 1) {
      const { servedNode } = this.#owner;
      if (!servedNode) return;
      const channel = this.#add(this.#around.relids.take(), this.#records.size);
      channel.ring = servedNode.addRing(this.pairBytes, this.monitorId);
      this.#open(channel);
      channel.showRing(servedNode.ringPath(channel.ring));
    }
    this.#owner.refresh();
  }

  #withdraw(channel: ChannelRecord): void {
    const { ring, relid } = channel;
    channel.dispose();
    if (ring !== null) this.#owner.servedNode?.removeRing(ring);
    this.#records.delete(relid);
    this.#announce('remove', relid);
    this.#around.relids.give(relid);
  }

  #announce(action: 'add' | 'remove', relid: number): void {
    const devpath = `${this.#owner.folder.slice('sys'.length)}/channels/${relid}`;
    this.#around.announce({ action, devpath, subsystem: 'channels' });
  }
}
