// SPDX-License-Identifier: MIT
//
// A simulated Hyper-V host that serves a folder: a guest that opens this root sees its devices on /sys/bus/vmbus and talks
// to its providers through /dev/uioN.
// Calls: local/ (the folder, the drivers, the nodes), the providers. Used by tests, `hv sim`, `hv demo`, process-host.ts.

import { randomUUID } from 'node:crypto';
import type { Server } from 'node:net';
import { availableParallelism } from 'node:os';

import { invalidValue, VmbusError } from '../errors.js';
import { type Guid, parseGuid } from '../guid.js';
import { native } from '../native/load.js';
import { serveControl } from './local/control.js';
import { LocalDevice } from './local/device.js';
import { DriverModel } from './local/drivers.js';
import { forgetAtExit, removeAtExit } from './local/exit.js';
import { checkHostOptions } from './local/host-options.js';
import { recordEntry, recordText } from './local/host-record.js';
import { kernelDrivers, uioDriver } from './local/native-drivers.js';
import { Numbers } from './local/numbers.js';
import { probeErrno } from './local/probe.js';
import type { DeviceSurroundings } from './local/surroundings.js';
import { Tree } from './local/tree.js';
import { UeventServer } from './local/uevents.js';
import { Listeners } from './providers/listeners.js';
import { checkProvider } from './providers/provider-options.js';
import { tellTroubleAnyway } from './trouble.js';
import type { HostChannel, HostEvent, HostedDevice, HostTrouble, Provider, SimulatedHostOptions } from './types.js';

/** How often attributes of open devices are brought up to date. */
const refreshMs = 250;

/**
 * A host and the folder it serves. Keeps the process alive until closed, unless {@link unref} is called.
 * @example
 * await using host = await SimulatedHost.start({ devices: [echo()], bound: true });
 * const bus = openBus({ root: host.root });
 */
export class SimulatedHost implements AsyncDisposable {
  readonly #options: SimulatedHostOptions;
  readonly #tree: Tree;
  readonly #model: DriverModel;
  readonly #devices = new Map<Guid, LocalDevice>();
  readonly #relids = new Numbers(1);
  readonly #minors = new Numbers(0);
  readonly #cpus: number;
  readonly #controls: Server[] = [];
  readonly #started = new Date();
  readonly #listeners = new Listeners<HostEvent>();
  #uevents: UeventServer | null = null;
  #refreshTimer: NodeJS.Timeout | null = null;
  #keepAlive: NodeJS.Timeout | null = null;
  #lastCpu = 0;
  /** Where the kernel begins to count, 0xE1E10. */
  #nextGpadl = 925_200;
  #isClosed = false;

  /** Makes the root folder; nothing is served before {@link start}. @throws TypeError, VmbusError ERR_VMBUS_SYSTEM */
  constructor(options: SimulatedHostOptions) {
    checkHostOptions(options);
    this.#options = options;
    this.#cpus = options.cpus ?? Math.min(availableParallelism(), 8);
    this.#tree = new Tree(options.root);
    removeAtExit(this.#tree);
    this.#model = new DriverModel({
      override: (guid) => this.#devices.get(guid)?.override ?? null,
      probe: (guid, driver) => this.#probe(guid, driver),
      removed: (guid, driver) => this.#devices.get(guid)?.released(driver),
    });
  }

  /** Makes a host and starts it. */
  static async start(options: SimulatedHostOptions): Promise<SimulatedHost> {
    const host = new SimulatedHost(options);
    return host.start();
  }

  /** Folder to open as root. */
  get root(): string {
    return this.#tree.root;
  }

  /** Devices offered now, in the order of their relids. */
  get devices(): readonly HostedDevice[] {
    return [...this.#devices.values()].sort((a, b) => a.relid - b.relid);
  }

  /** A device, by provider name, class or instance GUID. @throws ERR_VMBUS_NO_DEVICE */
  device(name: string): HostedDevice {
    return this.#find(name);
  }

  /** Answers each event from now on; a function that ends it. What guests do wrong is told to `onTrouble` instead. */
  subscribe(listener: (event: HostEvent) => void): () => void {
    return this.#listeners.subscribe(listener);
  }

  /** The same as an iteration; ends on abort. */
  events(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<HostEvent> {
    return this.#listeners.events(options);
  }

  /** Shows the tree, offers the devices. Call once. */
  async start(): Promise<this> {
    try {
      this.#showBus();
      this.#uevents = await UeventServer.listen(this.#tree.path('run/vmbus/uevents'));
      await this.#serveControls();
      for (const provider of this.#options.devices) this.#offer(provider);
      this.#record();
      this.#keepAlive = setInterval(() => undefined, 0x7fff_ffff);
      return this;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Offers one more device. @throws ERR_VMBUS_CLOSED */
  add(provider: Provider): HostedDevice {
    if (this.#isClosed || !this.#uevents) throw closedError(this.root);
    checkProvider(provider, 'provider');
    const device = this.#offer(provider);
    this.#record();
    return device;
  }

  /** Withdraws a device, by provider name, class or instance GUID: whoever holds it open sees a rescind. @throws ERR_VMBUS_NO_DEVICE */
  rescind(name: string): void {
    this.#withdraw(this.#find(name));
  }

  /** Takes away the device node alone, while sysfs still shows it. @throws ERR_VMBUS_NO_DEVICE */
  vanishNode(name: string): void {
    this.#find(name).vanish();
  }

  /** Open channels of a device, the primary first; none while it is not open. @throws ERR_VMBUS_NO_DEVICE */
  channels(name: string): readonly HostChannel[] {
    return this.#find(name).openChannels;
  }

  /** Brings every attribute up to date now; by itself this happens at events and four times a second while a device is open. */
  refresh(): void {
    for (const device of this.#devices.values()) device.refresh();
  }

  /** Lets the process end although the host is running. */
  unref(): this {
    this.#keepAlive?.unref();
    return this;
  }

  ref(): this {
    this.#keepAlive?.ref();
    return this;
  }

  /** Withdraws every device and removes the folder. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#keepAlive) clearInterval(this.#keepAlive);
    if (this.#refreshTimer) clearInterval(this.#refreshTimer);
    for (const device of [...this.#devices.values()]) this.#withdraw(device);
    for (const control of this.#controls) control.close();
    this.#uevents?.close();
    this.#tree.dispose();
    forgetAtExit(this.#tree);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #showBus(): void {
    const tree = this.#tree;
    for (const folder of ['sys/bus/vmbus/devices', 'sys/class/uio', 'sys/devices/system/cpu', 'dev'])
      tree.folder(folder);
    tree.put('sys/bus/vmbus/hibernation', '0\n');
    tree.putInPlace('sys/bus/vmbus/drivers_autoprobe', '1\n');
    const cpus = this.#cpus === 1 ? '0\n' : `0-${this.#cpus - 1}\n`;
    for (const name of ['online', 'possible', 'present']) tree.put(`sys/devices/system/cpu/${name}`, cpus);
    for (const { name, classes } of kernelDrivers()) {
      tree.folder(`sys/bus/vmbus/drivers/${name}`);
      this.#model.register(name, classes);
    }
  }

  async #serveControls(): Promise<void> {
    const serve = async (entry: string, handler: (text: string) => number): Promise<void> => {
      this.#controls.push(await serveControl(this.#tree.path(`sys/bus/vmbus/${entry}`), handler));
    };
    const model = this.#model;
    await serve('drivers_probe', (text) => model.driversProbe(text));
    for (const driver of model.drivers()) {
      await serve(`drivers/${driver}/bind`, (text) => model.bind(driver, text));
      await serve(`drivers/${driver}/unbind`, (text) => model.unbind(driver, text));
      await serve(`drivers/${driver}/new_id`, (text) => model.newId(driver, text));
      await serve(`drivers/${driver}/remove_id`, (text) => model.removeId(driver, text));
    }
  }

  #offer(provider: Provider): LocalDevice {
    const guid = provider.instanceGuid ?? parseGuid(randomUUID());
    if (this.#devices.has(guid)) throw invalidValue('instanceGuid', "must differ from the other devices'", guid);
    const device = new LocalDevice(provider, guid, this.#surroundings(), (which) => this.#withdraw(which));
    this.#devices.set(guid, device);
    this.#tell('added', device);
    const autoprobe = !this.#options.bound && this.#tree.read('sys/bus/vmbus/drivers_autoprobe')?.trim() !== '0';
    this.#model.add(device, { autoprobe });
    if (this.#options.bound) this.#bindToUio(device);
    device.showPrimary();
    return device;
  }

  #surroundings(): DeviceSurroundings {
    return {
      tree: this.#tree,
      binding: native(),
      relids: this.#relids,
      minors: this.#minors,
      nextGpadl: () => this.#nextGpadl++,
      cpus: this.#cpus,
      announce: (event) => this.#uevents?.send(event),
      nextCpu: () => this.#lastCpu++ % this.#cpus,
      openingsChanged: () => this.#watchOpenings(),
      tell: (event) => this.#listeners.tell(event),
      trouble: (trouble) => this.#trouble(trouble),
    };
  }

  /** As a script would: add the class to the driver's ids, then bind unless that has done it already. */
  #bindToUio(device: LocalDevice): void {
    this.#model.newId(uioDriver, device.classGuid);
    if (device.driver === null) this.#model.bind(uioDriver, device.guid);
  }

  #withdraw(device: LocalDevice): void {
    if (!this.#devices.has(device.guid)) return;
    for (const channel of device.openChannels) channel.leave();
    // A provider's last words may have been that it withdraws the device.
    if (!this.#devices.has(device.guid)) return;
    this.#model.remove(device);
    this.#devices.delete(device.guid);
    device.dispose();
    this.#tell('withdrawn', device);
    if (!this.#isClosed) this.#record();
  }

  #tell(kind: 'added' | 'withdrawn', { guid, name, relid }: LocalDevice): void {
    this.#listeners.tell({ kind, device: guid, name, relid });
  }

  #probe(guid: Guid, driver: string): number {
    const device = this.#devices.get(guid);
    const errno = probeErrno(driver, {
      isNative: device !== undefined && this.#model.isNative(driver, device.classGuid),
      hasMonitor: device?.provider.monitorId !== undefined,
      requireMonitor: this.#options.requireMonitor ?? false,
    });
    if (errno === 0) device?.probe(driver);
    return errno;
  }

  #find(name: string): LocalDevice {
    const wanted = name.toLowerCase();
    for (const device of this.#devices.values()) {
      if ([device.guid, device.classGuid, device.name].some((known) => known === wanted)) return device;
    }
    throw new VmbusError('ERR_VMBUS_NO_DEVICE', `the simulated host has no device ${name}`, {
      facts: { wanted: name, available: this.devices.map((device) => device.name) },
      hint: `hv --root ${this.root} ls`,
    });
  }

  #watchOpenings(): void {
    const isNeeded = !this.#isClosed && [...this.#devices.values()].some((device) => device.isOpen);
    if (!isNeeded && this.#refreshTimer) clearInterval(this.#refreshTimer);
    if (!isNeeded) this.#refreshTimer = null;
    else this.#refreshTimer ??= setInterval(() => this.refresh(), refreshMs).unref();
  }

  #trouble(trouble: HostTrouble): void {
    if (this.#options.onTrouble) this.#options.onTrouble(trouble);
    else tellTroubleAnyway(trouble);
  }

  #record(): void {
    this.#tree.put(recordEntry, recordText(this.#started, this.#tree.isFresh, this.devices));
  }
}

function closedError(root: string): VmbusError {
  return new VmbusError('ERR_VMBUS_CLOSED', 'the simulated host is not running', {
    path: root,
    hint: 'start a new one',
  });
}
