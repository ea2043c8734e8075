// SPDX-License-Identifier: MIT
//
// What the bus looks like to a script: the public shapes of lib/bus, and nothing that runs.
// Source of the attributes: Documentation/ABI/stable/sysfs-bus-vmbus of the Linux kernel.

import type { Guid } from '../guid.js';
import type { DeviceClass } from '../protocol/classes.js';
import type { PlanStep } from './binding/types.js';

export type { DeviceClass } from '../protocol/classes.js';
export type * from './binding/types.js';

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

/** Why a device is in use, in words. */
export interface DeviceUse {
  /** `mounted`, `swap`, `holder`, `address`, `default-route`, `login`, `master`, `vf-partner`, `node-open`, `hidden`, `console`, `connection`. */
  readonly kind: string;
  readonly detail: string;
  /** Whether `force` overrules it. False where going on would hang or crash the kernel. */
  readonly forceable: boolean;
}
