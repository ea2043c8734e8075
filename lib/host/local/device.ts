// SPDX-License-Identifier: MIT
//
// One offered device in the served folder: its place in sysfs, what a change of driver does to it, its node while it is
// bound to uio_hv_generic.
// Called by: simulated-host.ts; the hooks of local/drivers.ts. Calls: local/tree.ts, local/node.ts, device-channels.ts.
// Order of uevents and files: vmbus_device_register and vmbus_add_channel_kobj in drivers/hv/vmbus_drv.c.

import { type FSWatcher, watch } from 'node:fs';

import type { Guid } from '../../guid.js';
import { classOfGuid } from '../../protocol/classes.js';
import { kvpClass } from '../../protocol/kvp.js';
import { vssClass } from '../../protocol/vss.js';
import type { RingHostChannel } from '../host-channel.js';
import type { HostedDevice, Provider } from '../types.js';
import { deviceTexts, modalias, uioMaps } from './attributes.js';
import { type ChannelsOwner, DeviceChannels } from './device-channels.js';
import type { DrivenDevice } from './drivers.js';
import { DeviceBuffer, type DeviceBuffers } from './guest-memory.js';
import { uioDriver, utilsDriver } from './native-drivers.js';
import { DeadNode, UioNode } from './node.js';
import type { DeviceSurroundings } from './surroundings.js';
import type { Uevent } from './uevents.js';
import { hideUio, showUio, uioEvent, uioUevent } from './uio-folder.js';
import { kvpBridge } from './utils/kvp-bridge.js';
import type { Bridge } from './utils/types.js';
import { UtilsDriver } from './utils/utils-driver.js';
import { vssBridge } from './utils/vss-bridge.js';

/** Services with a node, by the class of their device. */
const bridges: ReadonlyMap<Guid, Bridge> = new Map([
  [kvpClass, kvpBridge],
  [vssClass, vssBridge],
]);

/** Folder of every device, as on a machine with ACPI. */
const busFolder = 'sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00';

/** A device of the simulated host. */
export class LocalDevice implements DrivenDevice, HostedDevice, ChannelsOwner {
  readonly guid: Guid;
  readonly provider: Provider;
  readonly relid: number;
  readonly folder: string;
  driver: string | null = null;
  buffers: DeviceBuffers | null = null;
  readonly #around: DeviceSurroundings;
  readonly #rescind: (device: LocalDevice) => void;
  readonly #channels: DeviceChannels;
  readonly #watcher: FSWatcher;
  #node: UioNode | DeadNode | null = null;
  #utils: UtilsDriver | null = null;
  #minor: number | null = null;
  /** Unbound while open: the kernel has left the channel open for ever. */
  #isLeaked = false;

  /** Shows the device, without channels. @param rescind withdraws it */
  constructor(provider: Provider, guid: Guid, around: DeviceSurroundings, rescind: (device: LocalDevice) => void) {
    this.provider = provider;
    this.guid = guid;
    this.#around = around;
    this.#rescind = rescind;
    this.relid = around.relids.take();
    this.folder = `${busFolder}/${guid}`;
    this.#channels = new DeviceChannels(this, around);
    const { tree } = around;
    tree.folder(`${this.folder}/channels`);
    tree.link(`${this.folder}/subsystem`, 'sys/bus/vmbus');
    tree.putInPlace(this.#overrideFile, '(null)\n');
    this.#watcher = watch(tree.path(this.#overrideFile), { persistent: false }, () => this.#tidyOverride());
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
    return this.servedNode?.isOpen ?? false;
  }

  get servedNode(): UioNode | null {
    return this.#node instanceof UioNode ? this.#node : null;
  }

  /** Channels that are open, the primary first. */
  get openChannels(): RingHostChannel[] {
    return this.#channels.open;
  }

  /** Driver that alone may bind, if any. */
  get override(): string | null {
    const line = (this.#around.tree.read(this.#overrideFile) ?? '').split('\n', 1)[0] ?? '';
    return line === '' || line === '(null)' ? null : line;
  }

  /** Shows the primary channel; after the first try to find a driver, as the kernel does. */
  showPrimary(): void {
    this.#channels.addPrimary();
    this.refresh();
  }

  /** A driver takes the device. */
  probe(driver: string): void {
    const { tree } = this.#around;
    this.driver = driver;
    if (driver === uioDriver) this.#serve();
    if (driver === utilsDriver) this.#startUtils();
    tree.link(`${this.folder}/driver`, `sys/bus/vmbus/drivers/${driver}`);
    tree.link(`sys/bus/vmbus/drivers/${driver}/${this.guid}`, this.folder);
    this.#announce('bind', { DRIVER: driver, MODALIAS: modalias(this.classGuid) });
    this.#tellDriver('bound', driver);
    this.refresh();
  }

  /** The driver was taken off. */
  released(driver: string): void {
    const { tree } = this.#around;
    if (driver === uioDriver) this.#stopServing();
    this.#utils?.stop('closed');
    this.#utils = null;
    tree.remove(`${this.folder}/driver`);
    tree.remove(`sys/bus/vmbus/drivers/${driver}/${this.guid}`);
    this.#announce('unbind');
    this.#tellDriver('unbound', driver);
    this.refresh();
  }

  rescind(): void {
    this.#rescind(this);
  }

  /** Takes away the node only, as if devtmpfs had lost it; whoever holds it sees the end of the stream. */
  vanish(): void {
    this.#channels.close();
    this.#node?.close();
    this.#around.openingsChanged();
  }

  /** The device is gone. The driver was taken off before. */
  dispose(): void {
    const { tree, relids } = this.#around;
    this.#watcher.close();
    tree.remove(`sys/bus/vmbus/devices/${this.guid}`);
    const gone = this.#channels.dispose();
    tree.remove(this.folder);
    this.#announce('remove', { MODALIAS: modalias(this.classGuid) });
    for (const relid of gone) {
      // The folder of the device is detached by then, so the path is short.
      this.#around.announce({ action: 'remove', devpath: `/channels/${relid}`, subsystem: 'channels' });
      relids.give(relid);
    }
  }

  /** Writes the attributes that changed. */
  refresh(): void {
    this.#channels.refresh();
    this.#putTexts();
    if (this.#minor !== null) uioEvent(this.#around.tree, this.folder, this.#minor, this.#channels.interrupts);
  }

  get #overrideFile(): string {
    return `${this.folder}/driver_override`;
  }

  #putTexts(): void {
    const { tree } = this.#around;
    const { cpuMap, facts, monitorId } = this.#channels;
    const { guid, classGuid, relid } = this;
    const deviceIndex = this.provider.deviceIndex ?? classOfGuid(classGuid).deviceIndex;
    const state = this.isOpen || this.#isLeaked ? 3 : 2;
    const texts = deviceTexts({ guid, classGuid, deviceIndex, relid, state, monitorId, cpuMap }, facts);
    for (const [name, text] of Object.entries(texts)) tree.put(`${this.folder}/${name}`, text);
    const driver = this.driver === null ? '' : `DRIVER=${this.driver}\n`;
    tree.put(`${this.folder}/uevent`, `${driver}MODALIAS=${modalias(classGuid)}\n`, 0o644);
  }

  #serve(): void {
    const { tree, binding, minors } = this.#around;
    const { pairBytes, monitorId } = this.#channels;
    const minor = minors.take();
    this.#minor = minor;
    const path = tree.path(`dev/uio${minor}`);
    this.#node = this.#isLeaked
      ? new DeadNode(path)
      : new UioNode(binding, path, pairBytes, monitorId, {
          opened: () => this.#opened(),
          closed: () => this.#closed(),
          doorbell: (value) => this.#channels.doorbell(value),
        });
    this.buffers = this.#makeBuffers();
    if (this.buffers !== null) this.servedNode?.shareBuffers(this.buffers);
    showUio(tree, this.folder, minor, uioMaps(pairBytes, this.buffers), this.#channels.interrupts);
    this.#around.announce(uioUevent('add', this.folder, minor));
    this.#channels.showPrimaryRing();
  }

  /** Made at bind, as the kernel does, and zero only then. */
  #makeBuffers(): DeviceBuffers | null {
    const { bufferBytes } = this.provider;
    if (bufferBytes === undefined) return null;
    const { binding } = this.#around;
    const make = (bytes: number): DeviceBuffer => new DeviceBuffer(binding, bytes, this.#around.nextGpadl());
    return { receive: make(bufferBytes.receive), send: make(bufferBytes.send) };
  }

  /** Services that hv_utils hands to a process by a node of their own; it does the others by itself, and here nobody does. */
  #startUtils(): void {
    const bridge = bridges.get(this.classGuid);
    if (!bridge) return;
    const { guid: device, relid } = this;
    this.#utils = new UtilsDriver(this.provider, bridge, this.#around, {
      device,
      relid,
      rescind: () => this.rescind(),
      broke: (error) => this.#around.trouble({ device, relid, provider: this.name, error }),
    });
  }

  #stopServing(): void {
    const { tree, minors } = this.#around;
    this.#isLeaked ||= this.isOpen;
    this.#channels.close();
    this.#channels.hideRings();
    this.#node?.close();
    this.#node = null;
    this.buffers?.receive.close();
    this.buffers?.send.close();
    this.buffers = null;
    if (this.#minor === null) return;
    hideUio(tree, this.folder, this.#minor);
    this.#around.announce(uioUevent('remove', this.folder, this.#minor));
    minors.give(this.#minor);
    this.#minor = null;
    this.#around.openingsChanged();
  }

  #opened(): void {
    this.#channels.openPrimary();
    this.refresh();
    this.#around.openingsChanged();
  }

  #closed(): void {
    this.#channels.close();
    this.refresh();
    this.#around.openingsChanged();
  }

  /** Puts the file into the form in which the kernel prints it: writers don't truncate sysfs files. */
  #tidyOverride(): void {
    const { tree } = this.#around;
    if (tree.read(this.#overrideFile)) tree.putInPlace(this.#overrideFile, `${this.override ?? '(null)'}\n`);
  }

  #tellDriver(kind: 'bound' | 'unbound', driver: string): void {
    this.#around.tell({ kind, device: this.guid, name: this.name, relid: this.relid, driver });
  }

  #announce(action: Uevent['action'], variables: Record<string, string> = {}): void {
    this.#around.announce({ action, devpath: this.folder.slice('sys'.length), subsystem: 'vmbus', variables });
  }
}
