// SPDX-License-Identifier: MIT
//
// What the bus looks like to a script: the public shapes of lib/bus, and nothing that runs.
// Source of the attributes: Documentation/ABI/stable/sysfs-bus-vmbus of the Linux kernel.

import type { Guid } from '../guid.js';
import type { DeviceClass } from '../protocol/classes.js';

export type { DeviceClass } from '../protocol/classes.js';

/** Options of {@link openBus}. */
export interface BusOptions {
  /** Folder that holds `sys/` and `dev/`: a guest's `/`, a simulated host's folder, or a snapshot. Default VMBUS_ROOT or `/`. */
  readonly root?: string;
}

/** The bus of one root. Reading it needs no privilege; nothing is cached between calls. */
export interface Bus extends AsyncDisposable {
  readonly root: string;
  /** What stands behind the root. */
  readonly kind: 'guest' | 'simulated' | 'snapshot';
  /** Every device, ordered by the relid of its primary channel. Synchronous file reads; channel files are read when asked for. */
  devices(): Device[];
  /** The device named by instance GUID, network interface, block device, `uioN`, relid, or class name if only one has it. @throws ERR_VMBUS_NO_DEVICE */
  device(name: string): Device;
  /** `/sys/bus/vmbus/hibernation`; null where the kernel has none. */
  readonly hibernation: boolean | null;
  /** Changes as they happen, by kernel uevents. Ends on abort (quietly) or when the bus is closed. */
  watch(options?: WatchOptions): AsyncIterableIterator<BusChange>;
  /** Ends all watches. */
  close(): Promise<void>;
}

/** Options of {@link Bus.watch}. */
export interface WatchOptions {
  readonly signal?: AbortSignal;
  /** Begin with what is there, as `added`. Default false. */
  readonly initial?: boolean;
}

/** One change of the bus. */
export interface BusChange {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly subject: 'device' | 'channel';
  readonly device: Guid;
  /** Relid, for a channel. */
  readonly channel: number | null;
  /** Names of the fields that differ (`driver`, `state`, `uio`, …), for `changed`. */
  readonly fields: readonly string[];
  /** The device now; null when removed. */
  readonly current: Device | null;
}

/** A value that could not be read, and why: `EINVAL` for "no ring", `EACCES` for "hidden from you". */
export interface Unreadable {
  readonly attribute: string;
  readonly errno: string;
}

/** Indices and fill of one ring as the kernel shows them. Null where it shows none. */
export interface RingAttributes {
  readonly interruptMask: number | null;
  readonly readIndex: number | null;
  readonly writeIndex: number | null;
  readonly readBytesAvail: number | null;
  readonly writeBytesAvail: number | null;
}

/** Monitor page figures of a fast channel; null fields for a slow one. */
export interface MonitorAttributes {
  readonly pending: number | null;
  readonly latency: number | null;
  readonly connectionId: number | null;
}

/** A device of the bus at the time it was read. */
export interface Device {
  /** Instance GUID; also the folder name. */
  readonly id: Guid;
  readonly class: DeviceClass;
  /** Relid of the primary channel; -1 while invalidated by hibernation; null unreadable. */
  readonly relid: number | null;
  /** 0 offered, 1 opening, 2 idle, 3 open. */
  readonly state: number | null;
  readonly stateName: 'offered' | 'opening' | 'idle' | 'open' | null;
  readonly modalias: string | null;
  readonly vendor: number | null;
  /** Class index. */
  readonly deviceIndex: number | null;
  readonly numaNode: number | null;
  /** Relid → CPU, primary first. */
  readonly cpuMap: readonly { readonly relid: number; readonly cpu: number }[];
  readonly monitorId: number | null;
  readonly serverMonitor: MonitorAttributes;
  readonly clientMonitor: MonitorAttributes;
  /** Host to guest. */
  readonly in: RingAttributes;
  /** Guest to host. */
  readonly out: RingAttributes;
  /** Name, or null when none is set (the kernel prints `(null)`). */
  readonly driverOverride: string | null;
  /** Driver bound now; null for none. */
  readonly driver: string | null;
  readonly uio: UioAttributes | null;
  readonly children: readonly DeviceChild[];
  /** Folder of the device under its root. */
  readonly path: string;
  readonly root: string;
  /** Attributes that exist and could not be read. */
  readonly unreadable: readonly Unreadable[];
  /** Read when asked for; ordered primary first, then by subchannel index. */
  readonly channels: readonly ChannelAttributes[];
  toJSON(): Record<string, unknown>;
}

/** A kernel object made by the device's driver. */
export interface DeviceChild {
  readonly kind: 'net' | 'block' | 'input' | 'scsi_host' | 'ptp' | 'uio' | 'misc' | 'drm' | 'graphics' | 'hid';
  /** `eth0`, `sda`, `input3`, `host2`, `ptp0` … */
  readonly name: string;
  /** A second name where it has one (input: "Microsoft Vmbus HID-compliant Mouse", ptp: clock name). */
  readonly title: string | null;
}

/** The UIO side of a bound device. */
export interface UioAttributes {
  /** `uio0` */
  readonly name: string;
  /** Device node under the root. */
  readonly node: string;
  readonly version: string | null;
  readonly event: number | null;
  readonly maps: readonly {
    readonly index: number;
    readonly name: string | null;
    readonly sizeBytes: number | null;
    readonly offset: number | null;
    readonly addr: string | null;
  }[];
}

/** One channel's folder. */
export interface ChannelAttributes {
  readonly relid: number;
  readonly subchannelId: number | null;
  readonly isPrimary: boolean;
  readonly cpu: number | null;
  readonly outMask: number | null;
  readonly inMask: number | null;
  readonly readAvail: number | null;
  readonly writeAvail: number | null;
  readonly pending: number | null;
  readonly latency: number | null;
  readonly monitorId: number | null;
  readonly interrupts: bigint | null;
  readonly events: bigint | null;
  readonly intrInFull: bigint | null;
  readonly intrOutEmpty: bigint | null;
  readonly outFullFirst: bigint | null;
  readonly outFullTotal: bigint | null;
  /** Path of the `ring` file and its size, null where there is none. */
  readonly ring: { readonly path: string; readonly sizeBytes: number } | null;
  /** 'monitor' = fast, 'hypercall' = slow. */
  readonly signalling: 'monitor' | 'hypercall';
  readonly path: string;
  readonly unreadable: readonly Unreadable[];
}

/** Options of {@link moveChannel}. */
export interface MoveChannelOptions {
  readonly cpu: number;
  /** Check what can be checked, and write nothing. */
  readonly dryRun?: boolean;
}

/** What {@link moveChannel} did. */
export interface ChannelMove {
  readonly device: Guid;
  readonly relid: number;
  readonly from: number | null;
  /** CPU after the move, as the kernel shows it. */
  readonly to: number | null;
  readonly step: PlanStep;
  readonly dryRun: boolean;
}

/** Options of {@link bindDevice}. */
export interface BindOptions {
  /** Default `uio_hv_generic`. */
  readonly driver?: string;
  /** Say what would be done, and do nothing. Refuses what a real run would refuse. */
  readonly dryRun?: boolean;
  /** Take a device that is in use, unless a use says that no force helps. */
  readonly force?: boolean;
  /** Give the device back by itself after so long, also if this process is stuck or gone, unless {@link DeviceBinding.keep} was called. */
  readonly rollbackAfterMs?: number;
  /** Leave the device bound when the process ends or the binding is disposed (`hv bind`). Default false. */
  readonly persist?: boolean;
  readonly signal?: AbortSignal;
}

/** One step of a plan, in the words of a shell. */
export interface PlanStep {
  /** What it does, e.g. "unbind from hv_balloon". */
  readonly what: string;
  readonly path: string;
  readonly write: string;
}

/** A device held by another driver than its own. */
export interface DeviceBinding extends AsyncDisposable {
  readonly device: Guid;
  readonly driver: string;
  readonly previousDriver: string | null;
  /** What was done, or would be; empty when the driver had the device already, which is then left as it was found. */
  readonly steps: readonly PlanStep[];
  readonly dryRun: boolean;
  /** Uses that were overruled by `force`. */
  readonly uses: readonly DeviceUse[];
  /** What to know about this kernel before opening or giving back, in words. */
  readonly warnings: readonly string[];
  /** Gives the device back. Safe to call twice. */
  restore(options?: RestoreOptions): Promise<RestoreResult>;
  /** Cancels the rollback. @throws ERR_VMBUS_NOT_BOUND when the device was given back before */
  keep(): Promise<void>;
}

/** Options of {@link restoreDevice}. */
export interface RestoreOptions {
  readonly dryRun?: boolean;
  /**
   * Also take it from a living process that bound it, on kernels where giving back is known to do harm, and where its record is
   * damaged, which is then put aside. Never while the node is open.
   */
  readonly force?: boolean;
}

/** What giving a device back did, or would do. */
export interface RestoreResult {
  readonly device: Guid;
  /** Driver bound afterwards; null for none, or when the device is gone. */
  readonly driver: string | null;
  readonly steps: readonly PlanStep[];
  readonly warnings: readonly string[];
  readonly dryRun: boolean;
}

/** What is written under `/run/vmbus/bindings` for each device held. */
export interface BindingRecord {
  readonly schema: 1;
  readonly device: Guid;
  readonly class: Guid;
  readonly driver: string;
  readonly previousDriver: string | null;
  readonly previousOverride: string | null;
  /** A driver_override was written and is to be taken back. */
  readonly wroteOverride: boolean;
  /** A dynamic id was added and is to be removed. */
  readonly addedId: boolean;
  readonly pid: number;
  /** Start time of that process in clock ticks since boot, so that a reused pid is not mistaken. */
  readonly pidStart: number;
  readonly bootId: string;
  /** Namespace that the pid is of, where it is known: in another one it names another process. */
  readonly pidNamespace?: number;
  readonly since: string;
  readonly persist: boolean;
  readonly rollbackAt: string | null;
  /** Network names, disks and so on at the time, for the report. */
  readonly children: readonly DeviceChild[];
  /** Why the rollback gave up, where it did: the device stays on record for {@link restoreDevice}. */
  readonly note?: string;
}

/** A record that can't be read, or makes no sense. It keeps its device until `hv restore --force` puts it aside. */
export interface DamagedRecord {
  readonly device: Guid;
  readonly path: string;
  /** What is wrong with it: an errno's name, or words. */
  readonly reason: string;
}

/** A record, and how things stand now. */
export interface ListedBinding {
  readonly record: BindingRecord;
  /** Driver bound now; null for none, or when the device is gone. */
  readonly currentDriver: string | null;
  /** The process that bound it still runs, or is one of another container, and may. */
  readonly ownerAlive: boolean;
  /** Nobody will give this device back unless {@link restoreStale} or `hv restore` does. */
  readonly stale: boolean;
}

/** Why a device is in use, in words. */
export interface DeviceUse {
  /** `mounted`, `swap`, `holder`, `address`, `default-route`, `login`, `master`, `vf-partner`, `node-open`, `hidden`, `console`, `connection`. */
  readonly kind: string;
  readonly detail: string;
  /** Whether `force` overrules it. False where going on would hang or crash the kernel. */
  readonly forceable: boolean;
}
