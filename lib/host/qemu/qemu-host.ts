// SPDX-License-Identifier: MIT
//
// The simulated host of a whole machine: a real kernel in QEMU, whose VMBus is played by the providers of this process.
// Used by: scripts, the tests with real kernels. Calls: link.ts (the stream), control/ (the control path), the providers.
// What QEMU needs for it: test/vm/README.md.

import { randomUUID } from 'node:crypto';

import { invalidValue, VmbusError } from '../../errors.js';
import { type Guid, parseGuid } from '../../guid.js';
import { native } from '../../native/load.js';
import type { AttachedRing } from '../control/attached-ring.js';
import { ControlPath } from '../control/control-path.js';
import type { Gpadl } from '../control/gpadl-table.js';
import { type DeviceSurroundings, HostedBusDevice, type RingHooks } from '../control/hosted-device.js';
import type { OfferedChannel } from '../control/types.js';
import { checkProvider } from '../providers/provider-options.js';
import type { HostChannel, HostedDevice, HostTrouble, Provider, ServiceBus } from '../types.js';
import { guestMemoryOf, MappedMemory, type PhysicalMemory, StreamMemory } from './guest-memory.js';
import { Link } from './link.js';
import { attachMapped } from './mapped-ring.js';
import { MonitorPoll, takeMonitorIds } from './monitor-poll.js';
import { checkOptions, openMemory, type QemuHostOptions, synicWithEar } from './options.js';
import { RingMirror } from './ring-mirror.js';

/**
 * A host of a machine.
 * @example
 * await using host = await QemuHost.start({ stream: connect('/run/hv.sock'), devices: [echo(), heartbeat()] });
 */
export class QemuHost implements AsyncDisposable {
  readonly #options: QemuHostOptions;
  readonly #binding = native();
  readonly #link: Link;
  readonly #control: ControlPath;
  readonly #memory: PhysicalMemory;
  /** Handle of the mapped memory, null without. */
  readonly #mapped: number | null;
  readonly #devices = new Map<Guid, HostedBusDevice>();
  /** Instances that services offered, for this guest only. */
  readonly #borrowed = new Set<Guid>();
  /** Withdrawn, but not yet released by the guest. */
  readonly #leaving = new Set<HostedBusDevice>();
  readonly #monitor: MonitorPoll;
  readonly #ended: Promise<Error | null>;
  #end: (error: Error | null) => void = () => undefined;
  #isClosed = false;

  /** @throws TypeError, VmbusError ERR_VMBUS_SYSTEM when the memory file cannot be mapped */
  constructor(options: QemuHostOptions) {
    checkOptions(options);
    this.#options = options;
    this.#mapped = options.memoryFile === undefined ? null : openMemory(options.memoryFile);
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#link = new Link(options.stream, {
      hello: () => undefined,
      message: (bytes) => {
        options.recorder?.control('control-from-guest', bytes);
        this.#control.onMessage(bytes);
      },
      signal: (connection) => this.#signalled(this.#control.channelOf(connection)),
      reset: () => this.#control.lose(),
      closed: (error) => this.#onEnd(error),
    });
    this.#memory = this.#mapped === null ? new StreamMemory(this.#link) : new MappedMemory(this.#binding, this.#mapped);
    this.#control = new ControlPath(
      synicWithEar(this.#link, options.recorder),
      {
        connected: () => undefined,
        lost: () => this.#lost(),
        offersRequested: () => this.#offerAll(),
        open: async (channel, request, gpadl) => {
          const status = (await this.#ownerOf(channel)?.open(channel, request, gpadl)) ?? -1;
          this.#pollMonitors();
          return status;
        },
        closed: (channel) => {
          this.#ownerOf(channel)?.closed(channel);
          this.#pollMonitors();
        },
        released: (channel) => this.#released(channel),
        socketConnect: (endpoint, service) =>
          (options.services ?? []).some((candidate) => candidate.onConnect(endpoint, service)),
        nonsense: (what, channel) => this.#nonsense(what, channel),
      },
      (page) => this.#memory.isMemory(page),
      options.newestVersion,
    );
    this.#monitor = new MonitorPoll(this.#mapped !== null, () => this.#lookAtMonitors());
    for (const provider of options.devices) this.#keep(provider);
  }

  /** A host on a stream; it is ready at once, and offers its devices when the guest's kernel asks. */
  static async start(options: QemuHostOptions): Promise<QemuHost> {
    return new QemuHost(options);
  }

  /** Protocol version agreed on with the guest, 0 while it has not connected. */
  get version(): number {
    return this.#control.version;
  }

  /** Devices that are offered, or will be. */
  get devices(): readonly HostedDevice[] {
    return [...this.#devices.values()];
  }

  /** Round trips made over the stream for guest memory. */
  get readTrips(): number {
    return this.#link.readTrips;
  }

  /** Settles when the stream has ended: with null, or with what broke it. */
  get ended(): Promise<Error | null> {
    return this.#ended;
  }

  /** Offers one more device, at once where a guest listens. @throws ERR_VMBUS_CLOSED */
  add(provider: Provider): HostedDevice {
    if (this.#isClosed) throw new VmbusError('ERR_VMBUS_CLOSED', 'the host is closed', { hint: 'start a new one' });
    checkProvider(provider, 'provider');
    const device = this.#keep(provider);
    if (this.#control.takesOffers && !device.offer()) {
      this.#devices.delete(device.instanceGuid);
      throw new VmbusError('ERR_VMBUS_BUSY', 'the guest has 2047 channels already', { device: device.instanceGuid });
    }
    return device;
  }

  /** Withdraws a device, by provider name, class or instance GUID. @throws ERR_VMBUS_NO_DEVICE */
  rescind(name: string): void {
    this.#withdraw(this.#find(name));
  }

  /** Open channels of a device, the primary first; none while it is not open. @throws ERR_VMBUS_NO_DEVICE */
  channels(name: string): readonly HostChannel[] {
    return this.#find(name).openChannels;
  }

  /** Switches the machine off and on again. */
  resetMachine(): void {
    this.#link.resetMachine();
  }

  /** Closes every channel and ends the stream. QEMU then resets the machine and waits for the next host. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#link.close();
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #onEnd(error: Error | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#control.lose();
    this.#monitor.need(false);
    if (this.#mapped !== null) this.#binding.closeGuestMemory(this.#mapped);
    this.#options.onEnd?.(error);
    this.#end(error);
  }

  #keep(provider: Provider): HostedBusDevice {
    const guid = provider.instanceGuid ?? parseGuid(randomUUID());
    if (this.#devices.has(guid)) throw invalidValue('instanceGuid', "must differ from the other devices'", guid);
    const device = new HostedBusDevice(provider, guid, this.#surroundings());
    this.#devices.set(guid, device);
    return device;
  }

  #surroundings(): DeviceSurroundings {
    return {
      control: this.#control,
      attach: async (gpadl, split, hooks) => this.#attach(gpadl, split, hooks),
      memory: (owns) => guestMemoryOf(this.#memory, (handle) => this.#control.gpadl(handle, owns)),
      trouble: (device, relid, error) => this.#trouble(device, relid, error),
      withdraw: (device) => this.#withdraw(device),
    };
  }

  async #attach(gpadl: Gpadl, split: number, hooks: RingHooks): Promise<AttachedRing> {
    const pages = gpadl.pages;
    if (pages === null) throw new VmbusError('ERR_VMBUS_CORRUPT', 'rings in memory that is not whole pages');
    if (this.#mapped !== null) return attachMapped(this.#binding, this.#mapped, { pages, split }, hooks.signal);
    return RingMirror.attach(this.#binding, this.#memory, { pages, split }, hooks);
  }

  #offerAll(): void {
    for (const device of this.#devices.values()) device.offer();
    const bus: ServiceBus = {
      offer: (provider) => {
        const { instanceGuid } = this.add(provider);
        this.#borrowed.add(instanceGuid);
        return { withdraw: () => this.#withdrawNow(instanceGuid) };
      },
    };
    for (const service of this.#options.services ?? []) service.onBus(bus);
  }

  #withdrawNow(guid: Guid): void {
    const device = this.#devices.get(guid);
    if (device) this.#withdraw(device);
  }

  /** The guest is told; its last words about the device may still come. */
  #withdraw(device: HostedBusDevice): void {
    if (this.#devices.get(device.instanceGuid) !== device) return;
    this.#devices.delete(device.instanceGuid);
    this.#borrowed.delete(device.instanceGuid);
    if (device.relid === 0) return;
    this.#leaving.add(device);
    device.rescind();
  }

  #released(channel: OfferedChannel): void {
    const device = this.#ownerOf(channel);
    if (device?.released(channel)) this.#leaving.delete(device);
  }

  #ownerOf(channel: OfferedChannel): HostedBusDevice | undefined {
    const own = this.#devices.get(channel.offer.instanceGuid);
    if (own?.owns(channel)) return own;
    return [...this.#leaving].find((device) => device.owns(channel));
  }

  #signalled(channel: OfferedChannel | null): void {
    if (channel) this.#ownerOf(channel)?.signalled(channel);
  }

  /** Devices that a service had offered are gone with the guest; the script's own wait for the next one. */
  #lost(): void {
    this.#leaving.clear();
    for (const guid of this.#borrowed) this.#devices.delete(guid);
    this.#borrowed.clear();
    for (const service of this.#options.services ?? []) service.onBusLost?.();
    this.#pollMonitors();
    if (!this.#isClosed) this.#options.onReset?.();
  }

  /** Those that are on their way out are still served. */
  get #monitored(): HostedBusDevice[] {
    return [...this.#devices.values(), ...this.#leaving].filter((device) => device.monitorId !== null && device.isOpen);
  }

  #pollMonitors(): void {
    this.#monitor.need(!this.#isClosed && this.#monitored.length > 0);
  }

  #lookAtMonitors(): void {
    const page = this.#control.contact?.monitorToHost ?? 0;
    const ids = this.#mapped === null || page === 0 ? null : new Set(takeMonitorIds(this.#binding, this.#mapped, page));
    if (ids?.size === 0) return;
    for (const device of this.#monitored)
      if (device.monitorId !== null && (ids === null || ids.has(device.monitorId))) device.signalledAll();
  }

  #find(name: string): HostedBusDevice {
    const wanted = name.toLowerCase();
    for (const device of this.#devices.values())
      if ([device.instanceGuid, device.classGuid, device.name].some((known) => known === wanted)) return device;
    throw new VmbusError('ERR_VMBUS_NO_DEVICE', `the host has no device ${name}`, {
      facts: { wanted: name, available: this.devices.map((device) => device.name) },
    });
  }

  #nonsense(what: string, channel: OfferedChannel | null): void {
    const owner = channel ? this.#ownerOf(channel) : undefined;
    this.#report({
      device: owner?.instanceGuid ?? null,
      relid: channel?.relid ?? 0,
      provider: owner?.name ?? '',
      error: new VmbusError('ERR_VMBUS_PROTOCOL', `the guest's kernel said: ${what}`),
    });
  }

  #trouble(device: HostedBusDevice, relid: number, error: unknown): void {
    this.#report({ device: device.instanceGuid, relid, provider: device.name, error });
  }

  #report(trouble: HostTrouble): void {
    if (this.#options.onTrouble) this.#options.onTrouble(trouble);
    else if (VmbusError.is(trouble.error)) process.emitWarning(trouble.error);
    else
      queueMicrotask(() => {
        throw trouble.error;
      });
  }
}
