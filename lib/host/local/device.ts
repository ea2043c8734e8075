// SPDX-License-Identifier: MIT
//
// One offered device in the served folder: its place in sysfs, what a driver change does to it, its node while it is bound
// to uio_hv_generic, its channels.
// Called by: simulated-host.ts; the hooks of local/drivers.ts. Calls: local/tree.ts, local/node.ts, channel-record.ts.
// Order of uevents and files: vmbus_device_register and vmbus_add_channel_kobj in drivers/hv/vmbus_drv.c.

import { type FSWatcher, watch } from 'node:fs';

import type { Guid } from '../../guid.js';
import type { Binding } from '../../native/binding.js';
import { classOfGuid } from '../../protocol/classes.js';
import type { ChannelSeat, RingHostChannel } from '../host-channel.js';
import type { HostedDevice, HostTrouble, Provider } from '../types.js';
import { deviceTexts, modalias } from './attributes.js';
import { ChannelRecord } from './channel-record.js';
import type { DrivenDevice } from './drivers.js';
import { kernelRingBytes, uioDriver } from './native-drivers.js';
import { DeadNode, UioNode } from './node.js';
import type { Numbers } from './numbers.js';
import type { Tree } from './tree.js';
import type { Uevent } from './uevents.js';
import { hideUio, showUio, uioEvent } from './uio-folder.js';

/** Folder of every device, as on a machine with ACPI. */
const busFolder = 'sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00';

/** What the host lends to its devices. */
export interface DeviceSurroundings {
  readonly tree: Tree;
  readonly binding: Binding;
  readonly relids: Numbers;
  readonly minors: Numbers;
  readonly cpus: number;
  announce(event: Uevent): void;
  /** CPU for a new channel of a class that is spread over CPUs. */
  nextCpu(): number;
  /** A device was opened or closed. */
  openingsChanged(): void;
  rescind(device: LocalDevice): void;
  trouble(trouble: HostTrouble): void;
}

/** A device of the simulated host. */
export class LocalDevice implements DrivenDevice, HostedDevice {
  readonly guid: Guid;
  readonly provider: Provider;
  readonly relid: number;
  readonly folder: string;
  driver: string | null = null;
  readonly #around: DeviceSurroundings;
  readonly #channels = new Map<number, ChannelRecord>();
  readonly #watcher: FSWatcher;
  #node: UioNode | DeadNode | null = null;
  #minor: number | null = null;
  /** Unbound while open: the kernel has left the channel open for ever. */
  #isLeaked = false;

  /** Shows the device, without channels. */
  constructor(provider: Provider, guid: Guid, around: DeviceSurroundings) {
    this.provider = provider;
    this.guid = guid;
    this.#around = around;
    this.relid = around.relids.take();
    this.folder = `${busFolder}/${guid}`;
    const { tree } = around;
    tree.folder(`${this.folder}/channels`);
    tree.link(`${this.folder}/subsystem`, 'sys/bus/vmbus');
    tree.putInPlace(`${this.folder}/driver_override`, '(null)\n');
    this.#watcher = watch(tree.path(`${this.folder}/driver_override`), { persistent: false }, () =>
      this.#tidyOverride(),
    );
    this.#putTexts();
    tree.link(`sys/bus/vmbus/devices/${guid}`, this.folder);
    this.#announce('add', { MODALIAS: modalias(this.classGuid) });
  }

  get name(): string {
    return this.provider.name;
  }

  get classGuid(): Guid {
    return this.provider.classGuid;
  }

  get instanceGuid(): Guid {
    return this.guid;
  }

  get isOpen(): boolean {
    return this.#node instanceof UioNode && this.#node.isOpen;
  }

  /** Channels that are open, the primary first. */
  get openChannels(): RingHostChannel[] {
    return [...this.#channels.values()].flatMap((channel) => (channel.host ? [channel.host] : []));
  }

  /** Driver that alone may bind, if any. */
  get override(): string | null {
    const line = (this.#around.tree.read(`${this.folder}/driver_override`) ?? '').split('\n', 1)[0] ?? '';
    return line === '' || line === '(null)' ? null : line;
  }

  /** Shows the primary channel; after the first try to find a driver, as the kernel does. */
  showPrimary(): void {
    this.#addChannel(this.relid, 0);
    this.#linkPrimaryRing();
    this.refresh();
  }

  /** A driver takes the device. */
  probe(driver: string): void {
    const { tree } = this.#around;
    this.driver = driver;
    if (driver === uioDriver) this.#serve();
    tree.link(`${this.folder}/driver`, `sys/bus/vmbus/drivers/${driver}`);
    tree.link(`sys/bus/vmbus/drivers/${driver}/${this.guid}`, this.folder);
    this.#announce('bind', { DRIVER: driver, MODALIAS: modalias(this.classGuid) });
    this.refresh();
  }

  /** The driver was taken off. */
  released(driver: string): void {
    const { tree } = this.#around;
    if (driver === uioDriver) this.#stopServing();
    tree.remove(`${this.folder}/driver`);
    tree.remove(`sys/bus/vmbus/drivers/${driver}/${this.guid}`);
    this.#announce('unbind');
    this.refresh();
  }

  /** Takes away the node only, as if devtmpfs had lost it; whoever holds it sees the end of the stream. */
  vanish(): void {
    this.#closeChannels();
    this.#node?.close();
    this.#around.openingsChanged();
  }

  /** The device is gone. The driver was taken off before. */
  dispose(): void {
    const { tree, relids } = this.#around;
    this.#watcher.close();
    tree.remove(`sys/bus/vmbus/devices/${this.guid}`);
    for (const channel of this.#channels.values()) channel.dispose();
    tree.remove(this.folder);
    this.#announce('remove', { MODALIAS: modalias(this.classGuid) });
    for (const relid of this.#channels.keys()) {
      // The folder of the device is detached by then, so the path is short.
      this.#around.announce({ action: 'remove', devpath: `/channels/${relid}`, subsystem: 'channels' });
      relids.give(relid);
    }
    this.#channels.clear();
  }

  /** Writes the attributes that changed. */
  refresh(): void {
    for (const channel of this.#channels.values()) channel.refresh();
    this.#putTexts();
    if (this.#minor !== null) uioEvent(this.#around.tree, this.folder, this.#minor, this.#interrupts());
  }

  #putTexts(): void {
    const { tree } = this.#around;
    const channels = [...this.#channels.values()];
    const texts = deviceTexts(
      {
        guid: this.guid,
        classGuid: this.classGuid,
        deviceIndex: this.provider.deviceIndex ?? classOfGuid(this.classGuid).deviceIndex,
        relid: this.relid,
        state: this.isOpen || this.#isLeaked ? 3 : 2,
        monitorId: this.provider.monitorId ?? null,
        cpuMap: channels,
      },
      channels[0]?.facts ?? null,
    );
    for (const [name, text] of Object.entries(texts)) tree.put(`${this.folder}/${name}`, text);
    const driver = this.driver === null ? '' : `DRIVER=${this.driver}\n`;
    tree.put(`${this.folder}/uevent`, `${driver}MODALIAS=${modalias(this.classGuid)}\n`, 0o644);
  }

  #interrupts(): number {
    return [...this.#channels.values()].reduce((sum, channel) => sum + channel.interrupts, 0);
  }

  get #pairBytes(): number {
    return 2 * (this.provider.ringBytes ?? kernelRingBytes(this.classGuid));
  }

  get #monitorId(): number | null {
    return this.provider.monitorId ?? null;
  }

  #serve(): void {
    const { tree, binding, minors } = this.#around;
    const minor = minors.take();
    this.#minor = minor;
    const path = tree.path(`dev/uio${minor}`);
    this.#node = this.#isLeaked
      ? new DeadNode(path)
      : new UioNode(binding, path, this.#pairBytes, this.#monitorId, {
          opened: () => this.#opened(),
          closed: () => this.#closed(),
          doorbell: (value) => this.#doorbell(value),
        });
    showUio(tree, this.folder, minor, this.#pairBytes, this.#interrupts());
    this.#around.announce(uioUevent('add', this.folder, minor));
    this.#linkPrimaryRing();
  }

  #linkPrimaryRing(): void {
    const primary = this.#channels.get(this.relid);
    if (!primary || !(this.#node instanceof UioNode)) return;
    primary.ring = 0;
    primary.showRing(this.#node.ringPath(0));
  }

  #stopServing(): void {
    const { tree, minors } = this.#around;
    this.#isLeaked ||= this.isOpen;
    this.#closeChannels();
    for (const channel of this.#channels.values()) channel.hideRing();
    this.#node?.close();
    this.#node = null;
    if (this.#minor === null) return;
    hideUio(tree, this.folder, this.#minor);
    this.#around.announce(uioUevent('remove', this.folder, this.#minor));
    minors.give(this.#minor);
    this.#minor = null;
    this.#around.openingsChanged();
  }

  #opened(): void {
    const primary = this.#channels.get(this.relid);
    if (!primary) return;
    this.#openChannel(primary);
    this.refresh();
    this.#around.openingsChanged();
  }

  #openChannel(channel: ChannelRecord): void {
    if (!(this.#node instanceof UioNode) || channel.ring === null) return;
    const end = this.#node.attach(channel.ring);
    const { relid, subchannelIndex } = channel;
    const seat: ChannelSeat = {
      device: this.guid,
      relid,
      subchannelIndex,
      memory: null,
      offerSubchannels: (count) => this.#offerSubchannels(count),
      rescind: () => this.#around.rescind(this),
      broke: (error) => this.#around.trouble({ device: this.guid, relid, provider: this.name, error }),
    };
    channel.open(end, seat, (host) => this.provider.onOpen(host));
  }

  #closed(): void {
    this.#closeChannels();
    this.refresh();
    this.#around.openingsChanged();
  }

  /** Ends every opening; subchannels are withdrawn with it, as hosts do when the primary channel closes. */
  #closeChannels(): void {
    for (const channel of [...this.#channels.values()].reverse()) {
      if (channel.subchannelIndex === 0) channel.close();
      else this.#withdraw(channel);
    }
  }

  #doorbell(value: number): void {
    for (const channel of [...this.#channels.values()]) {
      if (value !== 0 && this.#monitorId === null) channel.countEvent();
      channel.host?.onDoorbell();
    }
  }

  #offerSubchannels(count: number): void {
    for (let i = 0; i < count; i += 1) {
      if (!(this.#node instanceof UioNode)) return;
      const channel = this.#addChannel(this.#around.relids.take(), this.#channels.size);
      channel.ring = this.#node.addRing(this.#pairBytes, this.#monitorId);
      this.#openChannel(channel);
      channel.showRing(this.#node.ringPath(channel.ring));
    }
    this.refresh();
  }

  #withdraw(channel: ChannelRecord): void {
    const { ring, relid } = channel;
    channel.dispose();
    if (ring !== null && this.#node instanceof UioNode) this.#node.removeRing(ring);
    this.#channels.delete(relid);
    this.#around.announce({ action: 'remove', devpath: this.#devpath(`/channels/${relid}`), subsystem: 'channels' });
    this.#around.relids.give(relid);
  }

  #addChannel(relid: number, subchannelIndex: number): ChannelRecord {
    const { tree, cpus } = this.#around;
    const cpu = classOfGuid(this.classGuid).performance ? this.#around.nextCpu() : 0;
    const channel = new ChannelRecord({
      tree,
      relid,
      subchannelIndex,
      cpu,
      cpus,
      deviceFolder: this.folder,
      monitorId: this.#monitorId,
      onCpu: () => this.refresh(),
    });
    this.#channels.set(relid, channel);
    this.#around.announce({ action: 'add', devpath: this.#devpath(`/channels/${relid}`), subsystem: 'channels' });
    return channel;
  }

  /** Puts the file into the form in which the kernel prints it: writers don't truncate sysfs files. */
  #tidyOverride(): void {
    const { tree } = this.#around;
    if (tree.read(`${this.folder}/driver_override`))
      tree.putInPlace(`${this.folder}/driver_override`, `${this.override ?? '(null)'}\n`);
  }

  #announce(action: Uevent['action'], variables: Record<string, string> = {}): void {
    this.#around.announce({ action, devpath: this.#devpath(), subsystem: 'vmbus', variables });
  }

  #devpath(below = ''): string {
    return `${this.folder.slice('sys'.length)}${below}`;
  }
}

function uioUevent(action: 'add' | 'remove', folder: string, minor: number): Uevent {
  return {
    action,
    devpath: `${folder.slice('sys'.length)}/uio/uio${minor}`,
    subsystem: 'uio',
    variables: { MAJOR: 243, MINOR: minor, DEVNAME: `uio${minor}` },
  };
}
