// SPDX-License-Identifier: MIT
//
// Storage from the guest's side: a SCSI controller, or the accelerator of an IDE disk, driven by a script instead of the kernel.
// Calls channel/ for packets, dma/ for memory that the host may touch, protocol/storvsc and protocol/scsi for bytes, storvsc/*
// for the parts. Source of the facts: drivers/scsi/storvsc_drv.c of the Linux kernel.

import { inspect } from 'node:util';
import { rootKind } from '../bus/root.js';
import type { Device } from '../bus/types.js';
import { checkOpenOptions } from '../channel/arguments.js';
import { receiveBufferBytes } from '../channel/buffer-plan.js';
import type { ChannelCore } from '../channel/channel-core.js';
import { openForDriver } from '../channel/open.js';
import { coreOf } from '../channel/opened-channel.js';
import type { Channel, CloseReason } from '../channel/types.js';
import { callSite } from '../channel/unclosed.js';
import { VmbusError } from '../errors.js';
import type { Sense } from '../protocol/scsi/sense.js';
import { ideClass, ideTargetOf } from '../protocol/storvsc.js';
import { DmaArena } from './dma/arena.js';
import { checkExecute, checkStorage, isHarmless, type StorageSettings } from './storvsc/arguments.js';
import { CallLimits } from './storvsc/call-limits.js';
import { Commands } from './storvsc/commands.js';
import type { StorageDisk } from './storvsc/disk.js';
import { forsakenError, notHarmless } from './storvsc/errors.js';
import { Lanes } from './storvsc/lanes.js';
import { type Agreement, negotiate, storageVersionName } from './storvsc/negotiation.js';
import { Rescanner } from './storvsc/rescanner.js';
import { SrbRunner } from './storvsc/srb-runner.js';
import { openSubchannels } from './storvsc/subchannels.js';
import type {
  ExecuteOptions,
  ScsiResult,
  StorageCallOptions,
  StorageChange,
  StorageInspection,
  StorageOptions,
  StorageStats,
  StorageUnit,
} from './storvsc/types.js';
import { Units } from './storvsc/units.js';

export { StorageDisk } from './storvsc/disk.js';
export type { Partition, PartitionTable } from './storvsc/partitions.js';
export type { ChunkOptions, WriteStreamOptions } from './storvsc/streams.js';
export type * from './storvsc/types.js';

/** What the host may take for a step of the negotiation. */
const handshakeTimeoutMs = 5000;

/**
 * Opens a SCSI controller or an IDE accelerator that is bound to uio_hv_generic, and finds its disks. Needs CAP_SYS_ADMIN in a
 * guest, and huge pages (`sysctl vm.nr_hugepages=4`) where its kernel makes no buffer for the device. Whoever can open a controller can have the host read and write any
 * memory of the guest: it is a right as far-reaching as root's.
 * @throws what `openChannel` throws; VmbusError ERR_VMBUS_SYSTEM (no huge pages), _PERMISSION, _UNSUPPORTED, _PROTOCOL,
 * _TIMEOUT, _NATIVE_LOAD; TypeError, RangeError for wrong options
 * @example
 * await using binding = await bindDevice(bus.device('scsi'), { accept: ['restored-disks-hang'] });
 * await using storage = await openStorage(bus.device('scsi'));
 * for (const disk of storage.disks()) console.log(disk.lun, disk.sizeBytes, await disk.read(0n, 512));
 * @category Devices
 */
export async function openStorage(device: Device, options: StorageOptions = {}): Promise<StorageController> {
  const settings = checkStorage(device, options);
  const { signal, channel: wishes = {} } = settings;
  checkOpenOptions(wishes);
  signal?.throwIfAborted();
  const arena = DmaArena.make({
    slots: settings.queueDepth,
    slotBytes: settings.maxTransferBytes,
    isSimulated: rootKind(device.root) === 'simulated',
    deviceBytes: receiveBufferBytes(device),
  });
  const plan = { ...wishes, ...(signal ? { signal } : {}), buffers: arena.wantsDevice };
  const channel = await openForDriver(device, plan, callSite(openStorage)).catch(async (error: unknown) => {
    await arena.release();
    throw error;
  });
  const controller = new StorageController(device, channel, arena, settings);
  await controller.start();
  return controller;
}

/**
 * A storage controller that this script drives. Made by {@link openStorage}.
 * @category Devices
 */
export class StorageController implements AsyncDisposable {
  readonly kind: 'scsi' | 'ide';
  /** Resolves when the host has let go of everything, whoever ended it. Never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #channel: Channel;
  readonly #core: ChannelCore;
  readonly #arena: DmaArena;
  readonly #settings: StorageSettings;
  readonly #lanes: Lanes;
  readonly #runner: SrbRunner;
  readonly #commands: Commands;
  readonly #rescanner: Rescanner;
  #agreement: Agreement = { version: 0, maxTransferBytes: 0, maxSubchannels: 0 };
  #units: Units;
  #grantedChannels = 1;
  #notices = 0;
  #dropped = 0;

  /** @internal */
  constructor(device: Device, channel: Channel, arena: DmaArena, settings: StorageSettings) {
    const core = coreOf(channel);
    if (!core) throw new TypeError('the channel is of another copy of the library');
    this.kind = device.class.guid === ideClass ? 'ide' : 'scsi';
    this.#channel = channel;
    this.#core = core;
    this.#arena = arena;
    this.#settings = settings;
    this.#lanes = new Lanes(channel, {
      noticed: () => {
        this.#notices += 1;
        this.#rescanner.ask();
      },
      dropped: () => {
        this.#dropped += 1;
      },
    });
    this.#runner = new SrbRunner(arena, this.#lanes, () => core.ending !== null);
    const place = { path: 0, target: this.kind === 'ide' ? ideTargetOf(device.id) : 0 };
    this.#commands = new Commands(device.id, this.#runner, place, (_lun, sense) => this.#attend(sense));
    this.#rescanner = new Rescanner(() => this.#scan({}));
    this.#units = this.#unitsFor(settings.maxTransferBytes);
    this.closed = channel.closed.then((reason) => this.#finish(reason));
  }

  /** @internal */
  async start(): Promise<void> {
    const { channels, maxTransferBytes, signal, channel: { force = false } = {} } = this.#settings;
    try {
      await this.#arena.hold(this.#core, handshakeTimeoutMs);
      void this.#arena.forsaken.then(() => this.#core.end({ by: 'error', error: forsakenError(this.#channel.device) }));
      const ask = this.#lanes.ask.bind(this.#lanes);
      const agreement = await negotiate((request) => ask(request, handshakeTimeoutMs), this.#channel.device);
      this.#agreement = agreement;
      this.#units = this.#unitsFor(Math.min(maxTransferBytes, agreement.maxTransferBytes));
      const count = Math.min(channels - 1, agreement.maxSubchannels);
      const plan = { count, timeoutMs: handshakeTimeoutMs, force, signal };
      const more = await openSubchannels(this.#channel, this.#core, (r) => ask(r, handshakeTimeoutMs), plan);
      this.#grantedChannels = 1 + count;
      for (const one of more) this.#lanes.add(one);
      await this.#scan({});
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#channel.isOpen;
  }

  /** Every unit, of whatever type, by its LUN. */
  units(): readonly StorageUnit[] {
    return this.#units.all;
  }

  /** The disks, by LUN. The same object as long as it is the same disk. */
  disks(): readonly StorageDisk[] {
    return this.#units.disks;
  }

  /** The disk with this LUN. @throws VmbusError ERR_VMBUS_NO_DEVICE */
  disk(lun = 0): StorageDisk {
    const found = this.disks().find((disk) => disk.lun === lun);
    if (found) return found;
    const there = this.disks().map((disk) => disk.lun);
    const { device } = this.#channel;
    throw new VmbusError('ERR_VMBUS_NO_DEVICE', `device ${device} has no disk with LUN ${lun}`, {
      device,
      facts: { lun, luns: there },
      hint: there.length === 0 ? `hv scsi ls ${device}` : `there are LUNs ${there.join(', ')}`,
    });
  }

  /** Looks for units now. Hosts tell when something changes, and then this happens by itself. */
  async rescan(options: StorageCallOptions = {}): Promise<void> {
    await this.#scan(options);
  }

  /**
   * Units that come, go, or change their size, from now on. Ends with the controller; throws if that failed.
   * @example
   * for await (const { kind, lun } of storage.changes()) console.log(kind, lun);
   */
  changes(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<StorageChange> {
    return this.#units.changes.watch(options.signal);
  }

  /**
   * One command, as it is, and what came of it: check {@link ScsiResult.isGood}.
   * @throws VmbusError ERR_VMBUS_PERMISSION for a command that may change something, without `{ write: true }`; ERR_VMBUS_TIMEOUT,
   * _RESCINDED, _CLOSED, _PROTOCOL; TypeError, RangeError
   * @example
   * const { data, sense } = await storage.execute(Uint8Array.of(0x12, 1, 0x80, 0, 255, 0), { lun: 0, responseBytes: 255 });
   */
  async execute(cdb: Uint8Array, options: ExecuteOptions = {}): Promise<ScsiResult> {
    const most = Math.min(this.#settings.maxTransferBytes, this.#agreement.maxTransferBytes);
    checkExecute(cdb, options, most);
    if (!this.#settings.write && !isHarmless(cdb, options)) throw notHarmless(this.#channel.device, cdb[0] ?? 0);
    const { lun = 0, data, responseBytes = 0 } = options;
    using limits = this.#limitsOf(`command 0x${(cdb[0] ?? 0).toString(16)} to LUN ${lun}`, options);
    const target = responseBytes > 0 ? { target: new Uint8Array(responseBytes) } : {};
    return await this.#commands.raw(lun, cdb, { ...(data ? { data } : target), signal: limits.signal });
  }

  /** Counters since opening. */
  stats(): StorageStats {
    return {
      ...this.#runner.counts,
      retries: this.#commands.retries,
      outstanding: this.#lanes.outstanding,
      droppedPackets: this.#dropped,
      notices: this.#notices,
      rescans: this.#rescanner.count,
    };
  }

  /** Plain JSON picture. */
  inspect(): StorageInspection {
    const { queueDepth, maxTransferBytes, write } = this.#settings;
    const units = this.units().map((unit) => {
      const disk = this.disks().find(({ lun }) => lun === unit.lun);
      return { ...unit, sizeBytes: disk ? String(disk.sizeBytes) : null, blockBytes: disk?.blockBytes ?? null };
    });
    return {
      device: this.#channel.device,
      kind: this.kind,
      isOpen: this.isOpen,
      canWrite: write,
      version: storageVersionName(this.#agreement.version),
      maxTransferBytes: Math.min(maxTransferBytes, this.#agreement.maxTransferBytes),
      queueDepth,
      channels: this.#lanes.relids,
      grantedChannels: this.#grantedChannels,
      memory: this.#arena.facts,
      units,
      stats: this.stats(),
    };
  }

  /** Whether it keeps the process alive (default yes). */
  ref(): void {
    this.#channel.ref();
  }

  unref(): void {
    this.#channel.unref();
  }

  /** Closes the controller; what is under way fails. Resolves when the host has let go. Safe to call twice. */
  async close(): Promise<void> {
    await this.#channel.close();
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #unitsFor(maxTransferBytes: number): Units {
    const { queueDepth, timeoutMs, write: canWrite } = this.#settings;
    const home = { commands: this.#commands, maxTransferBytes, queueDepth, timeoutMs, canWrite };
    return new Units(home, this.kind === 'ide' ? [0] : null);
  }

  #limitsOf(what: string, { timeoutMs = this.#settings.timeoutMs, ...rest }: StorageCallOptions): CallLimits {
    return new CallLimits({ ...rest, timeoutMs }, `${what} of device ${this.#channel.device}`);
  }

  async #scan(options: StorageCallOptions): Promise<void> {
    using limits = this.#limitsOf('looking for units', options);
    await this.#units.scan(limits.signal);
  }

  /** A unit has something to say: that it (2A), or which units there are (3F), changed. */
  #attend({ asc }: Sense): void {
    if (asc === 0x2a || asc === 0x3f) this.#rescanner.ask();
  }

  async #finish(reason: CloseReason): Promise<CloseReason> {
    this.#rescanner.stop();
    this.#arena.slots.end(this.#core.errorOfEnding());
    await this.#arena.release();
    this.#units.changes.finish(reason.by === 'user' || reason.by === 'abort' ? {} : { error: reason.error });
    return reason;
  }
}

// Not a method: its computed name could not stand in the declaration file.
Object.defineProperty(StorageController.prototype, inspect.custom, {
  value(this: StorageController): string {
    return `StorageController ${inspect(this.inspect(), { depth: 3 })}`;
  },
});
